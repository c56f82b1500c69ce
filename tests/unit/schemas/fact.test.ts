/** Facts wait for their commit: the trail goes by when things happened, not by when the log heard of them. */
import { expect, test } from 'vitest';
import { emptyView, factFrom, nextView } from '../../../schemas/events/task-view.ts';
import { eventOf, START_MS, TASK } from '../runtime/support/events.ts';

test('a fact happened when its event says, however late the log got it', () => {
  const event = eventOf('task.accepted', { prompt: 'hello' });
  const fact = factFrom(event, { seq: 7, atMs: START_MS + 60_000 });
  expect(fact).toMatchObject({ seq: 7, atMs: Date.parse(event.time), storedAtMs: START_MS + 60_000 });
  const view = nextView(emptyView(TASK), fact);
  expect(view.startedAtMs).toBe(Date.parse(event.time));
  expect(view.updatedAtMs).toBe(START_MS + 60_000);
});
