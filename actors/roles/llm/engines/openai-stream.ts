/**
 * Reads one chat completion, streamed or whole. Owns how events are parted and when a stream has ended; what they hold is
 * openai-reply.ts, requests, retries and time-outs are openai-transport.ts.
 *
 * Servers differ from the standard of server-sent events (one newline between two events, an error as a bare line, JSON
 * under the type of a stream and the other way round), so that the body is read by lines and told by its content:
 * a line is an event of its own when it is JSON, and else a part of one.
 */

import { EngineError } from '../../../../prompting/engine-error.ts';
import { isRecord, parsed } from '../../../../prompting/json-reply.ts';
import type { Completion } from '../../../../prompting/read-reply.ts';
import { errorIn, reasonIn } from './openai-errors.ts';
import { firstChoice, type ReadHooks, Reply, toldError } from './openai-reply.ts';

/** After the last word some servers leave the connection open; [DONE] or the end is waited for this long. */
const END_MS_MAX = 2000;

/** Reads a body to its end. A stream that ends without a finish reason or [DONE] is half an answer. */
export async function readReply(response: Response, hooks: ReadHooks): Promise<Completion> {
  if (response.body === null) throw badAnswer('The answer has no body.');
  const reply = new Reply(hooks);
  const lines = new Lines(reply);
  const decoder = new TextDecoder();
  const chunks: AsyncIterator<Uint8Array> = response.body[Symbol.asyncIterator]();
  for (;;) {
    const next = chunks.next();
    const step = reply.finish === null ? await next : await within(next, END_MS_MAX).catch(() => null);
    if (step === null || step.done) break;
    hooks.onChunk();
    lines.push(decoder.decode(step.value, { stream: true }));
    if (reply.done) break;
  }
  lines.end();
  if (reply.done || reply.finish !== null || reply.counted || lines.whole) return reply.completion();
  if (reply.text === '' && lines.strange) throw notJson();
  if (reply.text === '') throw badAnswer('The endpoint closed the stream without an answer.');
  const message = `The endpoint closed the stream after ${reply.text.length} characters, before the answer was complete.`;
  throw new EngineError('engine_stream_cut', message, { retryable: true });
}

/** The body line by line: events of a stream, lines of JSON, or one JSON over many lines. */
class Lines {
  /** The body was one completion, without a stream. */
  whole = false;
  readonly #reply: Reply;
  #rest = '';
  /** Data of an event that is not complete yet. */
  #pending = '';
  /** Set once the body shows to be JSON over several lines: all of it. */
  #document: string | null = null;
  #started = false;
  #strange = false;
  /** The event that is being told is called an error. */
  #isError = false;

  constructor(reply: Reply) {
    this.#reply = reply;
  }

  push(text: string): void {
    const all = this.#rest + (this.#started ? text : text.replace(/^\uFEFF/, ''));
    this.#started ||= text !== '';
    if (this.#document !== null) {
      this.#document += text;
      return;
    }
    // A carriage return at the end may be half of a line's end.
    const lines = all.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    lines.forEach((line, index) => {
      if (this.#document === null) this.#line(line, () => [...lines.slice(index), this.#rest].join('\n'));
    });
  }

  /** Something came, and nothing of it was of a known form. */
  get strange(): boolean {
    return this.#strange;
  }

  end(): void {
    if (this.#document === null) this.#line(this.#rest.replace(/\r$/, ''), () => this.#rest, true);
    if (this.#document === null) return;
    const value = parsed(this.#document.trim());
    if (value === undefined) throw /[}\]]\s*$/.test(this.#document) ? notJson() : cutJson();
    this.#takeWhole(value);
  }

  #line(line: string, rest: () => string, atEnd = false): void {
    const data = /^(?:data:\s?)+(.*)$/.exec(line)?.[1];
    const event = /^event:\s*(.*)$/.exec(line)?.[1];
    if (event !== undefined) this.#isError = event.trim() === 'error';
    // As llama-server told it in a field of its own.
    const error = /^error:\s*(\S.*)$/.exec(line)?.[1] ?? (this.#isError ? data : undefined);
    if (error !== undefined) throw toldError(reasonIn(error));
    if (line === '') this.#isError = false;
    if (data !== undefined) this.#data(data, atEnd);
    else if (/^\s*[{[]/.test(line)) this.#json(line, rest);
    else if (/^\s*<(?:!doctype|html|head|body)/i.test(line)) throw webPage();
    else if (line.trim() === '' && this.#pending !== '')
      throw badAnswer('The endpoint sent an event that is not JSON.');
    else if (line.trim() !== '' && !/^(?::|event:|id:|retry:)/.test(line)) this.#strange = true;
  }

  #data(data: string, atEnd: boolean): void {
    if (/^\s*"?\[DONE\]"?\s*$/.test(data)) {
      this.#reply.done = true;
      return;
    }
    if (data.trim() === '') return;
    // A sign of life in words.
    if (this.#pending === '' && !/^\s*[{["]/.test(data)) {
      this.#strange = true;
      return;
    }
    const joined = this.#pending === '' ? data : `${this.#pending}\n${data}`;
    const value = parsed(joined) ?? parsed(data);
    // The last event may be half of one, when the stream was cut.
    if (value === undefined && !atEnd) this.#pending = joined;
    if (value === undefined) return;
    this.#pending = '';
    this.#reply.take(value);
  }

  #json(line: string, rest: () => string): void {
    const value = parsed(line);
    if (value === undefined) this.#document = rest();
    else this.#takeWhole(value);
  }

  #takeWhole(value: unknown): void {
    const error = errorIn(value);
    const choice = firstChoice(value);
    if (error === null && choice === null) {
      if (isRecord(value) && (value.choices !== undefined || value.done !== undefined)) return;
      throw notChat();
    }
    this.#reply.take(value);
    // A line of Ollama's stream says that it is the last one.
    this.whole ||= isRecord(value) && (isRecord(choice?.message) ? value.done !== false : false);
  }
}

function within<T>(work: Promise<T>, ms: number): Promise<T | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  // Given up, it ends with the connection.
  work.catch(() => undefined);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

function webPage(): EngineError {
  const message = 'The endpoint answered with a web page. Is OPENAI_BASE_URL right? It ends in /v1 as a rule.';
  return new EngineError('engine_bad_answer', message, { retryable: false });
}

function cutJson(): EngineError {
  const message = 'The endpoint’s JSON breaks off before its end.';
  return new EngineError('engine_stream_cut', message, { retryable: true });
}

function notJson(): EngineError {
  const message = 'The endpoint answered with something that is not JSON. Is OPENAI_BASE_URL right?';
  return new EngineError('engine_bad_answer', message, { retryable: false });
}

function notChat(): EngineError {
  const message = 'The endpoint answered with JSON that is no chat completion. Is OPENAI_BASE_URL right?';
  return new EngineError('engine_bad_answer', message, { retryable: false });
}

function badAnswer(message: string): EngineError {
  return new EngineError('engine_bad_answer', message, { retryable: true });
}
