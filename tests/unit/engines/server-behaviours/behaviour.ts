/**
 * One behaviour of a server, played on the wire. Owns: its form, and the words that the families of behaviours share
 * (an answer, an error in OpenAI's form, a refusal). Does not own: any behaviour.
 */
import type { ServerResponse } from 'node:http';
import type { SkillName } from '../asking.ts';
import { streamText } from '../chat-server.ts';

/** What a request came to: the answer, or the code of the error that the embedded engine is told. */
export interface Outcome {
  readonly answer?: string;
  readonly error?: string;
  /** Requests for a completion that were made. */
  readonly requests: number;
  /** Part of what the error or the summary says. */
  readonly says?: string;
}

export interface Behaviour {
  readonly server: string;
  readonly does: string;
  readonly skill?: SkillName;
  /** Answers a completion; the index counts from 0. */
  readonly play: (response: ServerResponse, index: number, body: Record<string, unknown>) => void;
  readonly models?: unknown;
  /** It is asked by Ollama's own API. */
  readonly api?: 'ollama';
  /** The engine has no model named. */
  readonly unnamed?: true;
  readonly gives: Outcome;
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function raw(response: ServerResponse, type: string | null, body: string): void {
  response.writeHead(200, type === null ? {} : { 'content-type': type });
  response.end(body);
}

/** Lines of JSON, as Ollama's own API streams. */
export function lines(response: ServerResponse, ...objects: object[]): void {
  raw(response, 'application/x-ndjson', objects.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

export const SSE = 'text/event-stream';
export const answer = (response: ServerResponse): void => streamText(response, ['The ', 'answer.']);
export const said = (message: object, finish: string | null = 'stop') => ({
  choices: [{ index: 0, message, finish_reason: finish }],
});
export const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
export const openAiError = (message: string, more: object = {}) => ({
  error: { message, type: 'invalid_request_error', ...more },
});
/** Refuses as long as the body has what it does not know. */
export const refusing =
  (unknown: (body: Record<string, unknown>) => boolean, status: number, error: unknown): Behaviour['play'] =>
  (response, _index, body) =>
    unknown(body) ? json(response, status, error) : answer(response);
export const OK: Outcome = { answer: 'The answer.', requests: 1 };
export const ADAPTED: Outcome = { answer: 'The answer.', requests: 2 };
export const once = (error: string, says: string): Outcome => ({ error, says, requests: 1 });
