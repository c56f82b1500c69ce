/**
 * Why the embedded engine works instead of a language model, and how that is said. Owns: the reasons and their words.
 * Does not own: what the engine makes instead.
 *
 * Invariant: nothing here says that no model is set up when one is.
 */
import type { Degraded, ErrorInfo } from '../schemas/events/generated.ts';

/** Why no language model wrote the text. */
export interface Lack {
  readonly reason: Extract<Degraded['reason'], 'no_model' | 'model_failed' | 'model_slow' | 'model_refused'>;
  /** One sentence, with the model's or its server's own words where it has any. */
  readonly message: string;
}

export const SET_UP_A_MODEL = 'fetch one with `mesh models pull`, or set OPENAI_BASE_URL to a server such as Ollama';

/** What a quoted reason may take of a message. */
const REASON_CHARS_MAX = 1500;

const SLOW: ReadonlySet<string> = new Set([
  'engine_timeout',
  'engine_slow',
  'timeout',
  'model_slow',
  'heartbeat_missed',
]);

/** @param failure what the configured model failed with; absent when none is configured */
export function lackOf(failure?: ErrorInfo): Lack {
  if (failure === undefined) return { reason: 'no_model', message: `No language model is set up: ${SET_UP_A_MODEL}.` };
  const said = sentence(failure.message.slice(0, REASON_CHARS_MAX));
  if (SLOW.has(failure.code)) {
    return { reason: 'model_slow', message: `The configured language model was too slow: ${said}` };
  }
  if (failure.code === 'engine_refused') {
    return { reason: 'model_refused', message: `The configured language model declined: ${said}` };
  }
  return { reason: 'model_failed', message: `The configured language model failed: ${said}` };
}

/** The mark of what was made instead. */
export function degraded({ reason, message }: Lack, instead: Degraded['instead']): Degraded {
  return { reason, instead, message };
}

/** The text with one full stop at its end, unless it ends another way. */
export function sentence(text: string): string {
  const said = text.trim().replace(/(?<!\.)\.\.$/, '.');
  return /[.!?…]["')\]`]?$/.test(said) ? said : `${said}.`;
}

/** The text without the full stop at its end, to go on after. */
export function clause(text: string): string {
  return text.trim().replace(/(?<!\.)\.+$/, '');
}
