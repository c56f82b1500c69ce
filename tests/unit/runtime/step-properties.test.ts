/** What holds for every history of an actor, whatever happens to it. */
import { CloudEvent } from 'cloudevents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { role as orchestrator } from '../../../actors/roles/orchestrator/machine.ts';
import type { RoleDefinition } from '../../../actors/runtime/role.ts';
import { type LoggedEvent, step } from '../../../actors/runtime/step.ts';
import { typeOf, validateEvent } from '../../../schemas/events/envelope.ts';
import { parseSubject } from '../../../schemas/events/subjects.ts';
import { orchestratorOutcomes, orchestratorSpeech } from '../roles/support/task-life.ts';
import { courier } from './support/courier.ts';
import { courierOutcomes, courierSpeech } from './support/courier-life.ts';
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
  ['orchestrator', { role: orchestrator, speech: orchestratorSpeech(2), outcomes: orchestratorOutcomes }],
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
      expect(dataOf(other.instance)).toBe(dataOf(one.instance));
      expect(JSON.stringify(other.outputs)).toBe(JSON.stringify(one.outputs));
    });
  });

  test('S5: repetitions at any place change nothing and send nothing', () => {
    property((log, places) => {
      const once = runLog(role, log);
      // That an effect has begun may be said anew with other words: no repetition, and it moves nothing either.
      const applied = log.filter(
        ({ event }, index) => once.results[index]?.kind === 'applied' && event.type !== typeOf('effect.started'),
      );
      const repeated = runLog(role, withDuplicates(log, applied, places));
      expect(dataOf(repeated.instance)).toBe(dataOf(once.instance));
      expect(repeated.outputs).toEqual(once.outputs);
    });
  });

  test('S5: an id seen before with another content is not applied', () => {
    property((log, places) => {
      const { instance } = runLog(role, log);
      if (!instance) return;
      const seen = log.filter(({ event }) => instance.seen.has(event.id));
      for (const { pick } of places) {
        const original = seen[pick % seen.length];
        if (!original) continue;
        const event = { ...original.event, hopindex: original.event.hopindex + 100 };
        const result = step(role, instance, { ...original, event });
        // What a host says of a row may differ from one host to the next: the row decides, and it is settled already.
        if (/effect\.|timer\./.test(event.type)) {
          if (result.kind === 'applied') expect([event.type, result.outputs]).toEqual([typeOf('effect.started'), []]);
        } else expect(result).toMatchObject({ kind: 'rejected', code: 'conflicting_duplicate' });
      }
    });
  });

  test('S3: the instance passed in is never changed', () => {
    property((log) => {
      let instance = runLog(role, []).instance;
      for (const logged of log) {
        const before = dataOf(instance);
        const result = step(role, frozen(instance), logged);
        expect(dataOf(instance)).toBe(before);
        if (result.kind === 'rejected') expect(result.reason).not.toMatch(/was changed|read only|not extensible/);
        if (result.kind === 'applied') instance = result.instance;
      }
      expect(dataOf(instance)).toBe(dataOf(runLog(role, log).instance));
    });
  });

  test('S4: a crash at any point, even at every point, changes nothing', () => {
    property((log) => {
      const whole = runLog(role, log);
      let instance = runLog(role, []).instance;
      const ids: string[] = [];
      for (const logged of log) {
        const result = step(role, crashed(instance), logged);
        if (result.kind !== 'applied') continue;
        instance = result.instance;
        ids.push(...result.outputs.map(({ event }) => JSON.stringify(event)));
      }
      expect(dataOf(instance)).toBe(dataOf(whole.instance));
      expect(ids).toEqual(whole.outputs.map(({ event }) => JSON.stringify(event)));
    });
  });

  test('S6: what settles late changes nothing', () => {
    property((log) => {
      let instance = runLog(role, []).instance;
      for (const logged of log) {
        const result = step(role, instance, logged);
        if (result.kind === 'ignored') expect(result.reason).toMatch(/^(?:duplicate|late)$/);
        if (result.kind !== 'applied') continue;
        instance = result.instance;
        const { type } = logged.event;
        if (!/effect\.finished|timer\.fired/.test(type)) continue;
        // The same said again by another host: first result wins.
        const rival = { ...logged.event, id: logged.event.id, remainingloops: logged.event.remainingloops + 50 };
        expect(step(role, instance, { ...logged, event: rival })).toEqual({ kind: 'ignored', reason: 'late' });
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
      for (const { event, subject, leaves } of runLog(role, log).outputs) {
        expect(validateEvent(JSON.parse(JSON.stringify(event)))).toMatchObject({ ok: true });
        expect(new CloudEvent<unknown>({ ...event }, true).validate()).toBe(true);
        const address = parseSubject(subject);
        expect(address).toMatchObject({ correlationId: event.correlationid });
        expect(address.kind).toBe(leaves ? 'fact' : 'inbox');
        const relayed = event.type === typeOf('agent.message') && event.senderrole !== role.name;
        expect(leaves || relayed).toBe(event.recipientrole === 'watchers' || relayed);
      }
    });
  });

  test('S3: rows say which transition made them, and no row outlives the end', () => {
    property((log) => {
      const { instance, results } = runLog(role, log);
      if (!instance) return;
      expect(instance.transitionIndex).toBeLessThanOrEqual(log.length);
      for (const row of [...instance.effects.values(), ...instance.timers.values()]) {
        expect(row.armedVersion).toBeLessThanOrEqual(instance.transitionIndex);
      }
      if (instance.done) expect([instance.effects.size, instance.timers.size]).toEqual([0, 0]);
      const firstDone = results.findIndex((result) => result.kind === 'applied' && result.instance.done);
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
        const rows = [...result.instance.effects.values()].map((row) => `${row.effect}/${row.armedVersion}`);
        expect([...alive.keys()].sort()).toEqual(rows.sort());
      }
    });
  });
});
