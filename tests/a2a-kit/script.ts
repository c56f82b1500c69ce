/**
 * What the kit's scenarios want from an agent, by the beginning of the id of a message. Owns: turning such a message into
 * a task of this mesh that does it. Does not own: the tools that are called (`tools.ts`).
 *
 * The kit's own text says nothing: its agent goes by the id alone (`scenarios/*.feature` in the kit).
 */
import type { Message, SendMessageRequest } from '@a2a-js/sdk';
import type { A2aHandler } from '../../gateway/a2a/handler.ts';
import type { Mesh } from '../../gateway/core/mesh.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import type { CallContext } from '../../task-client/ports.ts';

/** `tests/fixtures/a2a-kit/kit.json` */
const WORKFLOW = 'kit';
/** The time that the server of the tools has; longer than that is an outcome that nobody knows. */
export const TOOL_TIMEOUT_MS = 1000;

const say = (text: string): string => `tool:kit.say ${JSON.stringify({ text })}`;
const file = { name: 'output.txt', mediaType: 'text/plain' };

/** Each is the whole prompt. The longest beginning that fits is meant. */
const scenarios: Readonly<Record<string, string>> = {
  'tck-artifact-text': say('Generated text content'),
  'tck-artifact-file': `tool:kit.file ${JSON.stringify(file)}`,
  'tck-artifact-file-url': `tool:kit.link ${JSON.stringify({ ...file, url: 'https://example.com/output.txt' })}`,
  'tck-artifact-data': `tool:kit.data ${JSON.stringify({ json: '{"key":"value","count":42}' })}`,
  'tck-input-required': `tool:kit.act ${JSON.stringify({ ms: 20 * TOOL_TIMEOUT_MS })}`,
  'tck-stream-artifact-text': say('Streamed text content'),
  'tck-stream-artifact-file': `tool:kit.file ${JSON.stringify(file)}`,
  'tck-stream-artifact-chunked': say('chunk-1 chunk-2'),
  'tck-': say('Hello from TCK'),
};

function promptFor(messageId: string): string | null {
  const fits = Object.keys(scenarios).filter((prefix) => messageId.startsWith(prefix));
  const [longest] = fits.sort((a, b) => b.length - a.length);
  return longest === undefined ? null : (scenarios[longest] ?? null);
}

/** What a person would say to a task that asks; its question has choices, and the kit's own words are none. */
const ANSWER = 'done';

function textOf({ parts }: Message): string {
  const [first] = parts;
  return first?.content?.$case === 'text' ? first.content.value : '';
}

function saying(message: Message, value: string): Message {
  const part = {
    content: { $case: 'text' as const, value },
    metadata: undefined,
    filename: '',
    mediaType: 'text/plain',
  };
  return { ...message, parts: [part] };
}

/** The handler as the bindings see it, with the kit's messages read by their script. */
export function scripted(handler: A2aHandler, mesh: Mesh, context: CallContext): A2aHandler {
  const read = async (request: SendMessageRequest): Promise<SendMessageRequest> => {
    const { message } = request;
    const prompt = message === undefined ? null : promptFor(message.messageId);
    // Content that no agent of text takes is part of what the kit tries.
    if (message === undefined || prompt === null || textOf(message) === '') return request;
    if (message.taskId !== '') return { ...request, message: saying(message, ANSWER) };
    const begun = { ...saying(message, prompt), metadata: { ...message.metadata, workflow: WORKFLOW } };
    if (!prompt.startsWith('tool:kit.act')) return { ...request, message: begun };
    // A tool that always runs out of time would be left alone; one call that succeeds makes it well again.
    await mesh.tasks.run({ prompt: 'tool:kit.act {"ms": 0}', workflow: WORKFLOW }, context);
    // The kit sends this message again and again, and means a new task that asks each time.
    return { ...request, message: { ...begun, messageId: `${message.messageId}-${newCorrelationId()}` } };
  };
  const sendMessage: A2aHandler['sendMessage'] = async (request, call) =>
    handler.sendMessage(await read(request), call);
  const sendMessageStream: A2aHandler['sendMessageStream'] = async function* (request, call) {
    yield* handler.sendMessageStream(await read(request), call);
  };
  return new Proxy(handler, {
    get(target, name) {
      if (name === 'sendMessage') return sendMessage;
      if (name === 'sendMessageStream') return sendMessageStream;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
