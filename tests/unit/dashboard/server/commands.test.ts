/** What a page asks for: whatever is the id of a task for the mesh is one for the dashboard too. */
import { expect, test } from 'vitest';
import { readCommand } from '../../../../dashboard/server/commands.ts';
import { correlationIdOfKey } from '../../../../schemas/events/ids.ts';

/** Of a version that no page makes by itself. */
const keyed = correlationIdOfKey('local', 'an order');

test.each([keyed, keyed.toUpperCase(), `urn:uuid:${keyed}`, `{${keyed}}`])('%s names its task', (task) => {
  const orders = [
    { kind: 'cancel', task, reason: 'enough' },
    { kind: 'respond', task, text: 'yes', question: 'q' },
    { kind: 'fork', task, hop: 1, prompt: '', id: keyed },
  ];
  for (const order of orders) expect(readCommand(order)).toMatchObject({ kind: order.kind, task: keyed });
});

test('what is no id is refused', () => {
  expect(readCommand({ kind: 'cancel', task: 'seven', reason: '' })).toBe('this is no id of a task');
});
