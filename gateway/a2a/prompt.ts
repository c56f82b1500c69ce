/**
 * What a message asks. Owns: turning its parts into the text that the mesh works on, and its wishes from its metadata.
 * Does not own: what the mesh makes of it.
 */
import { type Message, type Part, Role } from '@a2a-js/sdk';
import type { Priority } from '../../schemas/events/generated.ts';
import type { Submission } from '../../task-client/submissions.ts';
import { INPUT_MODES, OUTPUT_MODES } from './card.ts';
import { malformed, unsupportedContent } from './errors.ts';

const ID_MAX = 200;

/** @throws A2AError */
export function checkMessage(message: Message | undefined): Message {
  if (message === undefined) throw malformed('message', 'is required');
  if (message.messageId === '') throw malformed('message.messageId', 'is required');
  if (message.role !== Role.ROLE_USER) throw malformed('message.role', 'is ROLE_USER in what a client sends');
  for (const field of ['messageId', 'contextId'] as const) {
    if (message[field].length > ID_MAX) throw malformed(`message.${field}`, `has at most ${ID_MAX} characters`);
  }
  if (message.parts.length === 0) throw malformed('message.parts', 'must have at least one part');
  return message;
}

/** A client that takes nothing of what every answer is in is told so at once. @throws A2AError */
export function checkOutputModes(accepted: readonly string[]): void {
  const fits = (mode: string): boolean => {
    const type = (mode.split(';', 1)[0] ?? '').trim().toLowerCase();
    return type.startsWith('text/') || ['*/*', '*', 'application/*', ...OUTPUT_MODES].includes(type);
  };
  if (accepted.length === 0 || accepted.some(fits)) return;
  const shown = accepted.slice(0, 5).join(', ').slice(0, 200);
  throw unsupportedContent(`acceptedOutputModes: answers are ${OUTPUT_MODES.join(' and ')}, not ${shown}`);
}

/** @throws A2AError for content that the mesh cannot read */
export function promptOf({ parts }: Message): string {
  const text = parts.map(textOf).join('\n\n').trim();
  if (text === '') throw malformed('message.parts', 'have no text');
  return text;
}

function textOf({ content, mediaType, filename }: Part, index: number): string {
  const base = mediaType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (base !== '' && !base.startsWith('text/') && !INPUT_MODES.includes(base)) {
    throw unsupportedContent(`message.parts[${index}]: ${mediaType} is not supported; send ${INPUT_MODES.join(', ')}`);
  }
  switch (content?.$case) {
    case 'text':
      return titled(filename, content.value);
    case 'data':
      return titled(filename, JSON.stringify(content.value));
    case 'raw':
      if (base === '') throw unsupportedContent(`message.parts[${index}]: a file needs a mediaType that is text`);
      return titled(filename, utf8(content.value, index));
    case 'url':
      throw unsupportedContent(`message.parts[${index}]: the mesh fetches nothing; send the content itself`);
    case undefined:
      throw malformed(`message.parts[${index}]`, 'has no content');
    default:
      throw new Error(`unhandled part: ${String(content satisfies never)}`);
  }
}

function titled(filename: string, text: string): string {
  return filename === '' ? text : `${filename}:\n${text}`;
}

function utf8(bytes: Uint8Array, index: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unsupportedContent(`message.parts[${index}]: is not UTF-8 text`);
  }
}

/**
 * Wishes in the metadata of the message: `workflow`, `timeLimitMs` for the time the mesh may work on it, `priority` (high,
 * normal, low), and `waitForModel` when no answer is better than one without the language model.
 * @throws A2AError
 */
export function wishesOf({
  metadata,
}: Message): Pick<Submission, 'workflow' | 'timeLimitMs' | 'priority' | 'waitForModel'> {
  const { workflow, timeLimitMs, priority, waitForModel } = (metadata ?? {}) as Record<string, unknown>;
  if (workflow !== undefined && typeof workflow !== 'string') throw malformed('message.metadata.workflow', 'is a text');
  if (timeLimitMs !== undefined && typeof timeLimitMs !== 'number') {
    throw malformed('message.metadata.timeLimitMs', 'is a number of milliseconds');
  }
  if (waitForModel !== undefined && typeof waitForModel !== 'boolean')
    throw malformed('message.metadata.waitForModel', 'is true or false');
  return {
    ...(workflow === undefined ? {} : { workflow }),
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    ...(priority === undefined ? {} : { priority: priorityOf(priority) }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
  };
}

function priorityOf(value: unknown): Priority {
  if (value === 'high' || value === 'normal' || value === 'low') return value;
  throw malformed('message.metadata.priority', 'is high, normal or low');
}
