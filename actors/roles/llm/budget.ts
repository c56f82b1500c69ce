/**
 * The time that a model may take, from one number: `LLM_TIMEOUT_MS`, one generation with everything before its first
 * word. Owns: what follows from it for an attempt, a request and a step. Does not own: keeping the limits.
 *
 * Each limit ends before the one around it, so that the inner one can still say something: the engine says what was slow,
 * the llm role has the embedded engine answer, and only then would the step be over. All of them count work, and not the
 * wait for a free place.
 */

/** Of the effect that generates. */
export const ATTEMPTS_MAX = 2;

/** Loading a model into this process, which no generation's own limit counts. */
const LOAD_MS_MAX = 120_000;
/** For an engine that does not end by its own limit. */
const GRACE_MS = 5000;
/** For the embedded engine, after the model was given up. */
const FALLBACK_MS_MAX = 30_000;
/** Of a short step, at most this share is kept for the embedded engine. */
const FALLBACK_SHARE_MAX = 0.25;
/** When the asker names no time: its own limit cancels the request. */
const UNLIMITED_MS = 86_400_000;

/** Of one attempt of the effect, milliseconds. */
export function attemptMs(generationMs: number): number {
  return generationMs + LOAD_MS_MAX + GRACE_MS;
}

/** What a step needs at least whose role asks a model, milliseconds. */
export function stepMs(generationMs: number): number {
  return ATTEMPTS_MAX * attemptMs(generationMs) + FALLBACK_MS_MAX;
}

/** How long a model is waited for, out of the time that its asker has, milliseconds. */
export function modelMs(askerMs: number | undefined): number {
  if (askerMs === undefined) return UNLIMITED_MS;
  return Math.max(1, Math.round(askerMs - Math.min(FALLBACK_MS_MAX, askerMs * FALLBACK_SHARE_MAX)));
}
