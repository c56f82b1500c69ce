/**
 * What a person sees who is asked whether a tool may act. Owns: how much of its arguments a question shows. Does not own: the
 * question (`orchestrator/questions.ts`), or which tools ask (`tools/policy.ts`).
 */

/** Characters of the arguments as JSON, in a question of at most 8000. */
export const ARGUMENTS_SHOWN_MAX = 6000;
