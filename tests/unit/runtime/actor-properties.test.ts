/** What holds for every history of an actor, whatever happens to it. */
import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { role as orchestrator } from '../../../actors/roles/orchestrator/machine.ts';
import { defaultLimits } from '../../../actors/runtime/limits.ts';
import type { RoleDefinition } from '../../../actors/runtime/role.ts';
import type { LoggedEvent } from '../../../actors/runtime/tasks/actor.ts';
import { step } from '../../../actors/runtime/tasks/step.ts';
import { typeOf, validateEvent } from '../../../schemas/events/envelope.ts';
import { orchestratorOutcomes, orchestratorSpeech } from '../roles/support/task-life.ts';
import { courier } from './support/courier.ts';
import { courierOutcomes, courierSpeech } from './support/courier-life.ts';
import { loggedAt } from './support/events.ts';
import { type Choice, choices, historyOf, type Outcomes, type Speech, withDuplicates } from './support/histories.ts';
import { crashed, dataOf, frozen, runLog } from './support/log-run.ts';

interface Life {
  readonly role: RoleDefinition;
  readonly speech: Speech;
  readonly outcomes: Outcomes;
}

const lives: [string, Life][] = [
  ['courier', { role: courier, speech: courierSpeech, outcomes: courierOutcomes }],
  ['orchestrator, release 1', { role: orchestrator, speech: orchestratorSpeech(1), outcomes: orchestratorOutcomes }],
  ['orchestrator, release 2', { role: orchestrator, speech: orchestratorSpeech(2), outcomes: orchestratorOutcomes }],
  ['orchestrator', { role: orchestrator, speech: orchestratorSpeech(4), outcomes: orchestratorOutcomes }],
];
const RUNS = { numRuns: 40 };
const LENGTH = 40;

describe.each(lives)('%s', (_name, { role, speech, outcomes }) => {
  const logOf = (made: readonly Choice[]): LoggedEvent[] => historyOf(role, made, speech, outcomes);
  const property = (check: (log: LoggedEvent[], extra: Choice[]) => void): void => {
    fc.assert(
      fc.property(choices(LENGTH), choices(6), (made, extra) => check(logOf(made), extra)),
      RUNS,
    );
  };

  test('S2: the same log gives the same state and the same outputs, to the byte', () => {
    property((log) => {
      const [one, other] = [runLog(role, log), runLog(role, structuredClone(log))];
      expect(dataOf(other.actor)).toBe(dataOf(one.actor));
      expect(JSON.stringify(other.outputs)).toBe(JSON.stringify(one.outputs));
    });
  });

  test('S5: repetitions at any place change nothing and send nothing', () => {
    property((log, places) => {
      const once = runLog(role, log);
      const applied = log.filter(({ digest }, index) => once.results[index]?.kind === 'applied' && digest !== null);
      const repeated = runLog(role, withDuplicates(log, applied, places));
      expect(dataOf(repeated.actor)).toBe(dataOf(once.actor));
      expect(repeated.outputs).toEqual(once.outputs);
    });
  });

  test('S5: an id seen before with another content is not applied', () => {
    property((log, places) => {
      const { actor } = runLog(role, log);
      if (!actor) return;
      const seen = log.filter(({ event }) => actor.seen.has(event.id));
      for (const { pick } of places) {
        const original = seen[pick % seen.length];
        if (!original) continue;
        const event = { ...original.event, hopindex: original.event.hopindex + 100 };
        const result = step(role, actor, loggedAt(event, original.atMs), defaultLimits);
        expect(result).toMatchObject({ kind: 'rejected', code: 'conflicting_duplicate' });
      }
    });
  });

  test('S3: the actor passed in is never changed', () => {
    property((log) => {
      let actor = runLog(role, []).actor;
      for (const logged of log) {
        const before = dataOf(actor);
        const result = step(role, frozen(actor), logged, defaultLimits);
        expect(dataOf(actor)).toBe(before);
        if (result.kind === 'rejected') expect(result.reason).not.toMatch(/was changed|read only|not extensible/);
        if (result.kind === 'applied') actor = result.actor;
      }
      expect(dataOf(actor)).toBe(dataOf(runLog(role, log).actor));
    });
  });

  test('S4: a crash at any point, even at every point, changes nothing', () => {
    property((log) => {
      const whole = runLog(role, log);
      let actor = runLog(role, []).actor;
      const ids: string[] = [];
      for (const logged of log) {
        const result = step(role, crashed(actor), logged, defaultLimits);
        if (result.kind !== 'applied') continue;
        actor = result.actor;
        ids.push(...result.outputs.map(({ event }) => JSON.stringify(event)));
      }
      expect(dataOf(actor)).toBe(dataOf(whole.actor));
      expect(ids).toEqual(whole.outputs.map(({ event }) => JSON.stringify(event)));
    });
  });

  test('S6: what settles late changes nothing', () => {
    property((log) => {
      let actor = runLog(role, []).actor;
      for (const logged of log) {
        const result = step(role, actor, logged, defaultLimits);
        if (result.kind === 'ignored') expect(result.reason).toMatch(/^(?:duplicate|late)$/);
        if (result.kind !== 'applied') continue;
        actor = result.actor;
        const { type } = logged.event;
        if (!/effect\.finished|timer\.fired/.test(type)) continue;
        // The same said again by another host: first result wins.
        const rival = { ...logged.event, id: logged.event.id, remainingloops: logged.event.remainingloops + 50 };
        expect(step(role, actor, { ...logged, event: rival }, defaultLimits)).toEqual({
          kind: 'ignored',
          reason: 'late',
        });
      }
    });
  });

  test('S2: every output has an id of its own', () => {
    property((log) => {
      const ids = runLog(role, log).outputs.map(({ event }) => event.id);
      expect(new Set(ids).size).toBe(ids.length);
    });
  });

  test('S9: every output fits its schema, is a strict CloudEvent, and goes where its envelope says', () => {
    property((log) => {
      for (const { event, to } of runLog(role, log).outputs) {
        expect(validateEvent(JSON.parse(JSON.stringify(event)))).toMatchObject({ ok: true });
        expect(new CloudEvent<unknown>({ ...event }, true).validate()).toBe(true);
        // What is said through another role, and what is passed on for others, names whom it is meant for.
        if (event.type !== typeOf('agent.message')) expect(event.recipientrole).toBe(to);
      }
    });
  });

  test('S3: rows say which transition made them, and no row outlives the end', () => {
    property((log) => {
      const { actor, results } = runLog(role, log);
      if (!actor) return;
      expect(actor.transitionIndex).toBeLessThanOrEqual(log.length);
      for (const row of [...actor.effects.values(), ...actor.timers.values()]) {
        expect(row.armedVersion).toBeLessThanOrEqual(actor.transitionIndex);
      }
      if (actor.done) expect([actor.effects.size, actor.timers.size]).toEqual([0, 0]);
      const firstDone = results.findIndex((result) => result.kind === 'applied' && result.actor.done);
      if (firstDone < 0) return;
      for (const result of results.slice(firstDone + 1)) {
        if (result.kind === 'applied') expect([result.outputs, result.startedEffects]).toEqual([[], []]);
      }
    });
  });

  test('S3: effects begun and ended in the results are what the rows say', () => {
    property((log) => {
      const alive = new Map<string, number>();
      for (const result of runLog(role, log).results) {
        if (result.kind !== 'applied') continue;
        for (const row of result.endedEffects) alive.delete(`${row.effect}/${row.armedVersion}`);
        for (const row of result.startedEffects) alive.set(`${row.effect}/${row.armedVersion}`, row.armedVersion);
        const rows = [...result.actor.effects.values()].map((row) => `${row.effect}/${row.armedVersion}`);
        expect([...alive.keys()].sort()).toEqual(rows.sort());
      }
    });
  });
});
