/**
 * Reads one streamed chat completion (server-sent events of an OpenAI-compatible endpoint).
 * Owns the events' form, the end of a stream and its limits; requests, retries and time-outs are openai-transport.ts.
 */
import { createParser } from 'eventsource-parser';
import { EngineError } from './port.ts';
import { isRecord } from './reply-parsing.ts';
import type { Completion } from './to-output.ts';

/** What an Answer holds; a model that writes more is going in circles. */
const TEXT_CHARS_MAX = 400_000;

interface Delta {
  readonly text: string;
  readonly finish: string | null;
}

/**
 * Reads the stream to its end. `onChunk` is called whenever anything arrives, `onText` with each piece of text.
 * A stream that ends without a finish reason or [DONE] is half an answer and throws `engine_stream_cut`.
 */
export async function readStream(
  body: AsyncIterable<Uint8Array>,
  hooks: { onChunk: () => void; onText: (piece: string) => void },
): Promise<Completion> {
  const decoder = new TextDecoder();
  let text = '';
  let finish: string | null = null;
  let done = false;
  let atEnd = false;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data.trim() === '[DONE]') {
        done = true;
        return;
      }
      const delta = readDelta(data, atEnd);
      if (delta === null) return;
      finish = delta.finish ?? finish;
      if (delta.text === '') return;
      text += delta.text;
      if (text.length > TEXT_CHARS_MAX) throw badAnswer(`The model wrote more than ${TEXT_CHARS_MAX} characters.`);
      hooks.onText(delta.text);
    },
  });
  for await (const chunk of body) {
    hooks.onChunk();
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (done) break;
  }
  // The last event may lack the empty line that ends it; when it is half an event, the stream was cut.
  atEnd = true;
  parser.feed('\n\n');
  if (!done && finish === null) {
    const message =
      text === ''
        ? 'The endpoint closed the stream without an answer.'
        : `The endpoint closed the stream after ${text.length} characters, before the answer was complete.`;
    throw new EngineError(text === '' ? 'engine_bad_answer' : 'engine_stream_cut', message, { retryable: true });
  }
  return { text, cut: finish === 'length' };
}

/** Reads an endpoint's plain JSON answer, for those that do not stream. */
export function readWhole(json: unknown): Completion {
  const choice = firstChoice(json);
  const message = choice?.message;
  if (!isRecord(message) || typeof message.content !== 'string') {
    throw badAnswer('The endpoint answered with JSON that is no chat completion. Is OPENAI_BASE_URL right?');
  }
  return { text: message.content, cut: choice?.finish_reason === 'length' };
}

function readDelta(data: string, mayBeHalf: boolean): Delta | null {
  const event = parseEvent(data, mayBeHalf);
  if (event === undefined) return null;
  if (isRecord(event) && event.error !== undefined && event.error !== null) {
    throw badAnswer(`The endpoint reported an error while answering: ${errorText(event)}`);
  }
  const choice = firstChoice(event);
  const delta = choice?.delta;
  const content = isRecord(delta) && typeof delta.content === 'string' ? delta.content : '';
  return { text: content, finish: typeof choice?.finish_reason === 'string' ? choice.finish_reason : null };
}

function parseEvent(data: string, mayBeHalf: boolean): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    if (mayBeHalf) return undefined;
    throw new EngineError('engine_bad_answer', 'The endpoint sent an event that is not JSON.', {
      retryable: true,
      cause,
    });
  }
}

function firstChoice(value: unknown): Record<string, unknown> | null {
  if (!isRecord(value) || !Array.isArray(value.choices)) return null;
  const choice: unknown = value.choices[0];
  return isRecord(choice) ? choice : null;
}

/** The message of an error body, short enough for a person: `{error: {message}}` or `{error: "…"}`. */
export function errorText(body: unknown): string {
  const error = isRecord(body) ? (body.error ?? body.message) : undefined;
  const text = isRecord(error) ? error.message : error;
  return (typeof text === 'string' ? text : 'no reason given').replace(/\s+/g, ' ').slice(0, 300);
}

function badAnswer(message: string): EngineError {
  return new EngineError('engine_bad_answer', message, { retryable: true });
}
