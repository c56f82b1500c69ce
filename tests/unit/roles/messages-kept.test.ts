/** How many messages between agents a task keeps (S8): its result carries them all in one event. */
import { expect, test } from 'vitest';
import { emptyTask } from '../../../actors/roles/orchestrator/context.ts';
import { messageNoted, resultOf } from '../../../actors/roles/orchestrator/result.ts';

const ROOM_BYTES = 262_144;
const message = (nth: number, text: string) => ({
  ...{ messageId: `m${nth}`, role: 'ROLE_AGENT' as const },
  parts: [{ text }],
});

test('S8: large ones are kept while the result has room for them', () => {
  let context = emptyTask;
  for (let nth = 0; nth < 30; nth += 1) context = messageNoted(context, message(nth, 'ü'.repeat(9000)));
  const { messages } = resultOf(context);
  expect(messages.length).toBeGreaterThan(10);
  expect(messages.length).toBeLessThan(30);
  expect(Buffer.byteLength(JSON.stringify(messages))).toBeLessThanOrEqual(ROOM_BYTES);
});

test('S8: a small one still fits where a large one did not', () => {
  let context = emptyTask;
  for (let nth = 0; nth < 30; nth += 1) context = messageNoted(context, message(nth, 'ü'.repeat(9000)));
  const full = context.messages.length;
  expect(messageNoted(context, message(99, 'short')).messages).toHaveLength(full + 1);
});
