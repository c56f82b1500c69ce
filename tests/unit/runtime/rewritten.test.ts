/** Which tasks nobody can vouch for after their ledger and their log were both lost (S6). */
import { expect, test } from 'vitest';
import { AGAIN_HEADER, createRewritten } from '../../../actors/runtime/rewritten.ts';
import type { StoredMessage } from '../../../bus/port.ts';
import { factSubject, inboxSubject } from '../../../schemas/events/subjects.ts';
import { TASK } from './support/events.ts';

const OTHER = '7c9e6679-7425-40de-944b-e07fc1f90002';

const message = (subject: string, again: boolean): StoredMessage => ({
  ...{ seq: 1, subject, atMs: 0, data: new Uint8Array() },
  header: (name) => (again && name === AGAIN_HEADER ? '1' : ''),
});

function open() {
  const meta = new Map<string, string>();
  const commits = { meta: (key: string, value: string) => void meta.set(key, value) };
  const make = () => createRewritten({ meta: (key) => meta.get(key) ?? null }, () => commits);
  return { make, rewritten: make() };
}

test('S6: in a log that was never lost no task is doubtful', () => {
  const { rewritten } = open();
  rewritten.met(message(factSubject(TASK), false));
  rewritten.folded(TASK, message(inboxSubject('tools', TASK), false));
  rewritten.metAll();
  expect(rewritten.doubts(TASK)).toBe(false);
});

test('S6: in a log that has something twice, every task that it knew then is, also after a restart', () => {
  const { rewritten, make } = open();
  rewritten.met(message(inboxSubject('orchestrator', TASK), false));
  rewritten.met(message(factSubject(OTHER), true));
  expect(rewritten.doubts(TASK)).toBe(false);
  rewritten.metAll();
  expect([TASK, OTHER].map(rewritten.doubts)).toEqual([true, true]);
  expect(make().doubts(TASK)).toBe(true);
});

test('S6: a task that came after the folding is not', () => {
  const { rewritten } = open();
  rewritten.met(message(factSubject(OTHER), true));
  rewritten.metAll();
  rewritten.met(message(factSubject(TASK), false));
  expect(rewritten.doubts(TASK)).toBe(false);
});

test('S6: of single partitions that are folded, the tasks whose messages say so are', () => {
  const { rewritten } = open();
  rewritten.folded(TASK, message(inboxSubject('tools', TASK), true));
  rewritten.folded(OTHER, message(inboxSubject('tools', OTHER), false));
  expect([TASK, OTHER].map(rewritten.doubts)).toEqual([true, false]);
});
