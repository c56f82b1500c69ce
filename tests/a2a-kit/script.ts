/**
 * What the kit's scenarios want from an agent, by the beginning of the id of a message. Owns: turning such a message into
 * a task of this mesh that does it. Does not own: the tools that are called (`tools.ts`).
 *
 * The kit's own text says nothing: its agent goes by the id alone (`scenarios/*.feature` in the kit).
 */
import type { Mesh } from '../../gateway/core/mesh.ts';
import type { CallContext } from '../../gateway/core/ports.ts';
import type { Submission, TaskNow } from '../../gateway/core/tasks.ts';

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

/** The mesh as the A2A door sees it, with the kit's messages read by their script. */
export function scripted(mesh: Mesh): Mesh {
  const submit = async (submission: Submission, context: CallContext): Promise<TaskNow> => {
    const prompt = promptFor(submission.conversation?.messageId ?? '');
    if (prompt === null) return mesh.tasks.submit(submission, context);
    // A tool that always runs out of time would be left alone; one call that succeeds makes it well again.
    if (prompt.startsWith('tool:kit.act'))
      await mesh.tasks.run({ prompt: 'tool:kit.act {"ms": 0}', workflow: 'kit' }, context);
    return mesh.tasks.submit({ ...submission, prompt, workflow: 'kit' }, context);
  };
  /** Whatever the kit says to a task that asks: it is done. */
  const respond: Mesh['tasks']['respond'] = (id, _text, ...rest) => mesh.tasks.respond(id, 'done', ...rest);
  const tasks = new Proxy(mesh.tasks, {
    get(target, name) {
      if (name === 'submit') return submit;
      if (name === 'respond') return respond;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ...mesh, tasks };
}
