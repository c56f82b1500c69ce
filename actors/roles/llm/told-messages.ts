/**
 * What a model was told and what it wrote, for a span. Owns: the form that semantic-conventions-genai gives messages, and
 * that it stays whole within what an attribute may hold. Does not own: whether content may be told.
 */
import type { HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';

/** What a value of a span may have (`telemetry/span.ts`): a longer one would be cut, and no JSON any more. */
const CHARACTERS_MAX = 1024;

interface Told {
  readonly role: string;
  readonly content: string;
  readonly finish_reason?: 'stop';
}

/** `gen_ai.input.messages`: those that the asker brought; otherwise its request, which the skill makes the prompt of. */
export function inputMessages(request: LlmRequestedData): string {
  return fitting(request.messages ?? [{ role: 'user', content: JSON.stringify(request.input) }]);
}

/** `gen_ai.output.messages`: one, since one is asked for. */
export function outputMessages(output: HopOutput): string {
  return fitting([{ role: 'assistant', content: JSON.stringify(output), finish_reason: 'stop' }]);
}

/** The last messages whole, as many as there is room for; of the one before them its beginning. */
function fitting(messages: readonly Told[]): string {
  const kept: string[] = [];
  let room = CHARACTERS_MAX - '[]'.length;
  for (const message of messages.toReversed()) {
    const text = cutTo(message, room);
    if (text === null) break;
    kept.unshift(text);
    room -= text.length + ','.length;
  }
  return `[${kept.join(',')}]`;
}

/** As JSON of so many characters at most; null when not even an empty one fits. */
function cutTo({ role, content, ...rest }: Told, room: number): string | null {
  const textOf = (length: number): string =>
    JSON.stringify({ role, parts: [{ type: 'text', content: content.slice(0, length) }], ...rest });
  let length = Math.min(content.length, room);
  // What is written as an escape takes more room than a character.
  while (length > 0 && textOf(length).length > room)
    length -= Math.max(1, Math.floor((textOf(length).length - room) / 6));
  const text = textOf(Math.max(0, length));
  return text.length <= room ? text : null;
}
