/** Whatever roles and people answer, a task stays within its limits and ends once (S8). */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HOPS_MAX } from '../../../actors/roles/orchestrator/context.ts';
import { role } from '../../../actors/roles/orchestrator/machine.ts';
import type { Output } from '../../../actors/runtime/tasks/actor.ts';
import { nameOf } from '../../../schemas/events/envelope.ts';
import { choices, historyOf } from '../runtime/support/histories.ts';
import { runLog } from '../runtime/support/log-run.ts';
import { contextOf, orchestratorOutcomes, orchestratorSpeech } from './support/task-life.ts';

const RUNS = { numRuns: 160 };
const ENDINGS = ['task.completed', 'task.failed', 'task.cancelled'];

/** The router asked once; asked again on the way; people who want a deed again; time that is that of work. */
const RELEASES = [1, 2, 3, 4];

function property(check: (outputs: readonly Output[], log: ReturnType<typeof historyOf>) => void): void {
  fc.assert(
    fc.property(choices(60), fc.constantFrom(...RELEASES), (made, release) => {
      const log = historyOf(role, made, orchestratorSpeech(release), orchestratorOutcomes);
      check(runLog(role, log).outputs, log);
    }),
    RUNS,
  );
}

const named = (outputs: readonly Output[], name: string) => outputs.filter(({ event }) => nameOf(event.type) === name);

test('S8: never more hops than a task may have, each with its own number', () => {
  property((outputs) => {
    const hops = named(outputs, 'hop.requested').map(({ event }) => event.hopindex);
    expect(hops).toEqual(hops.map((_hop, index) => index + 1));
    expect(hops.length).toBeLessThanOrEqual(HOPS_MAX);
  });
});

test('S8: never more loops than the workflow allows, and none is left over or owed', () => {
  property((outputs, log) => {
    const context = contextOf(runLog(role, log).actor);
    const max = context?.workflow?.loop?.maxCycles ?? 0;
    expect(context?.loopsUsed ?? 0).toBeLessThanOrEqual(max);
    const left = named(outputs, 'hop.requested').map(({ event }) => event.remainingloops);
    expect(left).toEqual(left.toSorted((one, other) => other - one));
    for (const { event } of outputs) expect(event.remainingloops).toBeGreaterThanOrEqual(0);
  });
});

test('S8: every hop that was started is finished once, and not after the task', () => {
  property((outputs) => {
    const started = named(outputs, 'hop.started').length;
    const finished = named(outputs, 'hop.finished').map(({ event }) => event.hopindex);
    const ended = outputs.some(({ event }) => ENDINGS.includes(nameOf(event.type) ?? ''));
    expect(new Set(finished).size).toBe(finished.length);
    const open = started - finished.length;
    expect(open === 0 || (open === 1 && !ended)).toBe(true);
  });
});

test('S5: a task ends at most once, and the end is the last thing said', () => {
  property((outputs) => {
    const ends = outputs.map(({ event }, index) => [nameOf(event.type) ?? '', index] as const);
    const endings = ends.filter(([name]) => ENDINGS.includes(name));
    expect(endings.length).toBeLessThanOrEqual(1);
    if (endings[0]) expect(endings[0][1]).toBe(outputs.length - 1);
  });
});

test('S4: what leaves the mesh for somebody who waits is marked so, and only that', () => {
  const always = ['task.accepted', 'task.input.required', 'task.input.refused', 'task.input.reminded', ...ENDINGS];
  property((outputs) => {
    for (const { event, awaited } of outputs) {
      const name = nameOf(event.type) ?? '';
      // Whoever answers waits for what becomes of the answer, since questions have names.
      const isAnswer = name === 'task.input.accepted' && event.release >= 4;
      expect(awaited).toBe(always.includes(name) || isAnswer);
    }
  });
});
