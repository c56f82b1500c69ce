/**
 * One reply of a chat model, event by event: its text, thoughts, calls, refusal and end. Owns: the forms of an event, and
 * what a reply that has ended counts as. Does not own: how events are parted on the wire (openai-stream.ts).
 */
import { EngineError } from '../../../../prompting/engine-error.ts';
import { isRecord } from '../../../../prompting/json-reply.ts';
import { cleanText } from '../../../../prompting/model-text.ts';
import type { Completion } from '../../../../prompting/read-reply.ts';
import type { WireToolCall } from '../../../../prompting/tool-choice.ts';
import { finishOf, finishWord } from './finish-reasons.ts';
import { errorIn, type ServerError } from './openai-errors.ts';
import { StatusFailure } from './openai-failures.ts';
import type { Usage } from './port.ts';

/** What an Answer holds; a model that writes more is going in circles. */
const TEXT_CHARS_MAX = 400_000;

export interface ReadHooks {
  /** Called whenever anything arrives. */
  readonly onChunk: () => void;
  /** Called with each piece of text. */
  readonly onText: (piece: string) => void;
  /** Called with the number of characters that a model has thought so far. */
  readonly onThought?: (chars: number) => void;
  /** Called when the server says how many tokens it read and wrote. */
  readonly onUsage?: (tokens: Usage) => void;
}

/** What has been read of a reply so far. */
export class Reply {
  text = '';
  refusal = '';
  thoughtChars = 0;
  finish: string | null = null;
  done = false;
  /** Its tokens were counted behind the last choice: some servers say so instead of a reason. */
  counted = false;
  readonly #calls = new Map<number | string, { name: string; arguments: unknown }>();
  #lastCall: number | string = 0;
  /** Nobody asked for more than one choice: of several, the one that was begun. */
  #choice: unknown;
  readonly #hooks: ReadHooks;

  constructor(hooks: ReadHooks) {
    this.#hooks = hooks;
  }

  /** Takes an event, or a whole completion, in. @throws EngineError, StatusFailure */
  take(event: unknown): void {
    const error = errorIn(event);
    if (error !== null) throw toldError(error);
    const usage = usageIn(event);
    if (usage !== null) this.#hooks.onUsage?.(usage);
    const choice = firstChoice(event);
    if (choice === null) {
      this.counted ||= usage !== null && this.text !== '';
      return;
    }
    this.#choice ??= choice.index;
    if (choice.index !== this.#choice && choice.index !== undefined) return;
    const inside = choice.error === undefined ? null : errorIn({ error: choice.error });
    if (inside !== null) throw toldError(inside);
    const said = [choice.delta, choice.message, choice].find(isRecord) ?? {};
    const before = this.text.length;
    const content = said.content ?? (said === choice ? choice.text : undefined);
    const piece = textOf(content, (chars) => this.#thought(chars));
    // At the end of a stream some servers say all of it again.
    const isRepeated = said === choice.message && before > 0 && piece.startsWith(this.text);
    this.#add(isRepeated ? piece.slice(before) : piece);
    for (const key of ['reasoning_content', 'reasoning', 'thinking', 'thought'] as const) {
      const thought = said[key];
      if (typeof thought === 'string') this.#thought(thought.length);
    }
    this.refusal += refusalOf(said.refusal) || refusalOf(content);
    if (Array.isArray(said.tool_calls)) {
      for (const [index, call] of said.tool_calls.entries()) this.#call(call, index);
    }
    if (isRecord(said.function_call)) this.#call({ function: said.function_call }, 0);
    const finish = choice.finish_reason ?? choice.done_reason ?? choice.stop_reason;
    this.finish = finishWord(finish) ?? this.finish;
    if (this.text.length > before) this.#hooks.onText(this.text.slice(before));
  }

  #add(piece: string): void {
    this.text += piece;
    if (this.text.length <= TEXT_CHARS_MAX) return;
    throw new EngineError('engine_no_answer', `The model wrote more than ${TEXT_CHARS_MAX} characters.`, {
      retryable: false,
    });
  }

  #thought(chars: number): void {
    if (chars === 0) return;
    this.thoughtChars += chars;
    this.#hooks.onThought?.(this.thoughtChars);
  }

  #call(call: unknown, position: number): void {
    if (!isRecord(call)) return;
    const told = isRecord(call.function) ? call.function : call;
    const at = this.#keyOf(call, typeof told.name === 'string' && told.name !== '', position);
    this.#lastCall = at;
    const known = this.#calls.get(at) ?? { name: '', arguments: '' };
    const name = typeof told.name === 'string' && told.name !== known.name ? known.name + told.name : known.name;
    const more = told.arguments;
    const both =
      typeof more === 'string' && typeof known.arguments === 'string'
        ? known.arguments + more
        : (more ?? known.arguments);
    this.#calls.set(at, { name, arguments: both });
  }

  /** By its index; Gemini tells none, and each call at once, with an id. */
  #keyOf({ index, id }: Record<string, unknown>, begins: boolean, position: number): number | string {
    if (typeof index === 'number') return index;
    if (typeof id === 'string' && id !== '') return id;
    return begins ? position : this.#lastCall;
  }

  get toolCalls(): WireToolCall[] {
    return [...this.#calls.values()].filter(({ name }) => name !== '');
  }

  /** The whole reply. @throws EngineError when it is none, or half of one */
  completion(): Completion {
    const { finish, text, toolCalls } = this;
    const how = finish === null ? 'whole' : finishOf(finish);
    const word = cleanText(finish ?? '').slice(0, 60);
    if (how === 'unusable') {
      const message = `What the model wrote cannot be used: its server ended it with “${word}”.`;
      throw new EngineError('engine_no_answer', message, { retryable: false });
    }
    if (how === 'broken') {
      const message = `The endpoint ended the answer with “${word}”, before it was complete.`;
      throw new EngineError('engine_stream_cut', message, { retryable: true });
    }
    const filtered = how === 'filtered';
    if (this.refusal !== '' && text.trim() === '') throw refused(`it said “${cleanText(this.refusal).slice(0, 400)}”`);
    if (filtered && text.trim() === '')
      throw refused('a content filter of the server ended the answer before its first word');
    return {
      ...{ text, cut: how === 'cut', thoughtChars: this.thoughtChars },
      ...(filtered ? { filtered } : {}),
      ...(toolCalls.length > 0 ? { toolCalls } : {}),
    };
  }
}

/** An error in place of a reply, or in the middle of one; its code may be a status of HTTP. */
export function toldError(error: ServerError): StatusFailure {
  const status = Number(error.code);
  return new StatusFailure(status >= 400 && status < 600 ? status : 500, error, undefined, 'while answering');
}

function refused(why: string): EngineError {
  return new EngineError('engine_refused', why, { retryable: false });
}

/** Text, or the text among parts; thoughts among the parts are only counted. */
function textOf(content: unknown, onThought: (chars: number) => void): string {
  if (typeof content === 'string') return content;
  if (isRecord(content)) return textOf([content], onThought);
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown): string => {
      if (typeof part === 'string') return part;
      if (!isRecord(part)) return '';
      if (typeof part.type === 'string' && /think|reason|thought/i.test(part.type)) {
        onThought(JSON.stringify(part).length);
        return '';
      }
      const text = isRecord(part.text) ? part.text.value : part.text;
      return typeof text === 'string' ? text : '';
    })
    .join('');
}

/** What the model says in place of an answer, as text or as a part of its content. */
function refusalOf(said: unknown): string {
  if (typeof said === 'string') return said;
  if (!Array.isArray(said)) return '';
  return said.map((part: unknown) => (isRecord(part) && typeof part.refusal === 'string' ? part.refusal : '')).join('');
}

/** Of the OpenAI form the first choice; an Ollama event is one itself. */
export function firstChoice(event: unknown): Record<string, unknown> | null {
  if (!isRecord(event)) return null;
  if (isRecord(event.message) && event.choices === undefined) return event;
  const choices = Array.isArray(event.choices) ? event.choices.filter(isRecord) : [];
  return choices.find(({ index }) => index === 0) ?? choices[0] ?? null;
}

/** OpenAI's words first, then Ollama's; null for an event that has none. */
function usageIn(event: unknown): Usage | null {
  if (!isRecord(event)) return null;
  const { usage } = event;
  const [input, output] = isRecord(usage)
    ? [usage.prompt_tokens, usage.completion_tokens]
    : [event.prompt_eval_count, event.eval_count];
  if (typeof input !== 'number' || typeof output !== 'number') return null;
  return { input, output };
}
