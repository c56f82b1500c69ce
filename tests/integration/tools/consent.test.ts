/** In a real mesh without a policy file: what acts outside waits for a person, whichever door it came by but the owner's own. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Door } from '../../../schemas/events/generated.ts';
import { openClient, type TaskClient } from '../../../task-client/client.ts';
import type { CallContext } from '../../../task-client/ports.ts';
import { useMesh } from '../../support/mesh.ts';

const mesh = useMesh('consent', { env: { TOOLS_POLICY: '' } });
const silent = (): void => undefined;
let client: TaskClient;

beforeAll(async () => {
  client = await openClient({ bus: mesh().bus, log: { debug: silent, info: silent, warn: silent, error: silent } });
});
afterAll(() => client.stop());

function by(door: Door, role: 'user' | 'admin' = 'user'): CallContext {
  return {
    caller: { name: 'peer', role },
    door,
    signal: AbortSignal.timeout(60_000),
    deadlineMs: null,
    traceparent: null,
  };
}

const run = (path: string, door: Door) =>
  client.tasks.run({ prompt: mesh().counter.prompt('http_post_once', path), workflow: 'tool' }, by(door));

test('it asks, and does nothing before the yes; a yes runs it once', async () => {
  const { view } = await run('/consent/yes', 'a2a');
  expect(view).toMatchObject({ status: 'input_required', question: { reason: 'consent', questionId: 'q1' } });
  expect(view.question?.question).toContain('/consent/yes');
  expect(mesh().counter.deeds('/consent/yes')).toBe(0);
  const { taskId: correlationId } = view;
  await client.tasks.respond({ correlationId, text: 'yes', questionId: 'q1' }, by('a2a'));
  expect((await mesh().watch.result(correlationId)).name).toBe('task.completed');
  expect(mesh().counter.deeds('/consent/yes')).toBe(1);
});

test('a no ends the task, and an MCP client, whose model would answer itself, cannot say yes', async () => {
  const { view } = await run('/consent/no', 'mcp');
  const { taskId: correlationId } = view;
  expect(view.status).toBe('input_required');
  const answer = client.tasks.respond({ correlationId, text: 'yes', questionId: 'q1' }, by('mcp', 'admin'));
  await expect(answer).rejects.toMatchObject({ code: 'permission_denied', reason: 'FOR_PEOPLE' });
  await client.tasks.respond({ correlationId, text: 'no', questionId: 'q1' }, by('cli', 'admin'));
  const { name, result } = await mesh().watch.result(correlationId);
  expect({ name, code: result.error?.code }).toEqual({ name: 'task.failed', code: 'not_approved' });
  expect(mesh().counter.deeds('/consent/no')).toBe(0);
});

test('at the command line the owner has asked for it already', async () => {
  expect((await run('/consent/cli', 'cli')).view.status).toBe('completed');
  expect(mesh().counter.deeds('/consent/cli')).toBe(1);
});
