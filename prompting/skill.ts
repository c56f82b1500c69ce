/**
 * What a role brings along for the text that a language model writes for it: how the model is told, what its reply
 * becomes, and what is said without one. Owns: that form. Does not own: any skill (each stands in the folder of its role,
 * `actors/roles/<role>/skills.ts`), the models, or which passages fit into a prompt (`prompt.ts`).
 *
 * A skill has a name, unique in the mesh: a request for text carries it (`llm.requested`), and `mesh.config.ts` names by it
 * whose instructions are replaced. All of a skill is a function of what it is given, so it may run in a worker.
 */
import type { HopInput, HopOutput, Passage, ToolOffer } from '../schemas/events/generated.ts';
import type { WireToolCall } from './tool-choice.ts';
import type { Lack } from './without-model.ts';

/** What text is wanted for. */
export interface Asked {
  readonly input: HopInput;
  /** What may be chosen; empty where nothing is to be chosen. */
  readonly tools: readonly ToolOffer[];
}

/** Form of a reply, for models that can be held to one. */
export interface ReplyFormat {
  /** JSON Schema of an object. */
  readonly schema: object;
  /** The schema is one that servers can hold a model to strictly. */
  readonly strict: boolean;
}

/** What a model wrote, without its thoughts. */
export interface Reply extends Asked {
  readonly text: string;
  /** Why it ends early, as a sentence; null when it is whole. */
  readonly cut: string | null;
  /** What the model called by the API's own means. */
  readonly toolCalls: readonly WireToolCall[];
  /** The passages that it was told, in the order of their markers. */
  readonly passages: readonly Passage[];
  /** Name of the engine, such as `openai:qwen3`. */
  readonly engine: string;
  /** What was left out of the prompt or of the reply, as sentences with a space before each; for the summary. */
  readonly notes: string;
}

/** What is made of a reply, or instead of one; the engine's name is added to it. */
export type Made = Omit<HopOutput, 'engine'>;

export interface Skill {
  /** What the model is told first. A mesh may put other words in its place. */
  readonly instructions: string;
  /** The same where tools are offered by the API's own means and not in the text. */
  readonly instructionsForToolCalls?: string;
  /** What it is told then, whole and in this order. @param toolsInText the tools have to be told here */
  sections(asked: Asked, toolsInText: boolean): readonly string[];
  /** The passages of the input are told before that; the least relevant are left out where they do not fit. */
  readonly withPassages?: boolean;
  /** What of the input is never told, as a sentence; absent or null when it is told whole. */
  leftOut?(input: HopInput): string | null;
  /** Absent: text as the model likes. */
  readonly format?: ReplyFormat;
  /** @throws EngineError `engine_no_answer`, `engine_refused` when there is nothing in it that can be used */
  read(reply: Reply): Made;
  /** Without a model: the same input gives the same output, on every machine. */
  without(asked: Asked, lack: Lack, context: { readonly signal: AbortSignal }): Made | Promise<Made>;
}

/** What the `skills.ts` of a role exports, by name. */
export type Skills = Readonly<Record<string, Skill>>;

/** A skill with its name and the module it is loaded from, so that a worker can load it as well. */
export interface NamedSkill {
  readonly name: string;
  /** Address of the module that exports it in `skills`. */
  readonly module: string;
  readonly skill: Skill;
}
