/** All roles together, without a host: a build from submission to result, in whatever order its events come (S5, S8). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../../actors/runtime/effects/settlement.ts';
import type { EffectRow } from '../../../actors/runtime/tasks/actor.ts';
import type { Result } from '../../../schemas/events/generated.ts';
import { answered, codeOf, passage, reviewOf } from './support/samples.ts';
import { routeTo } from './support/task-life.ts';
import { roles, workflow } from './support/workflows.ts';
import { World } from './support/world.ts';

const TASK = '6f1d2c84-5b7a-4c39-9e0d-2a1b3c4d5e6f';

/** What the effects come to; the reviewer finds that many errors in the attempts, one after another. */
function effectsOf(route: string, errors: readonly number[]) {
  let attempts = 0;
  const outputs: Record<string, (input: { code?: { attempt: number }; skill?: string }) => unknown> = {
    route: () => routeTo(workflow(route)),
    search: () => ({ engine: 'fts5', passages: [passage] }),
    check: ({ code }) => ({ review: reviewOf(errors[(code?.attempt ?? 1) - 1] ?? 0) }),
    choose: () => ({ name: 'calculator', arguments: {}, fence: 'pure' }),
    run: () => ({ result: '42' }),
    generate: ({ skill }) => {
      if (skill !== 'code') return answered;
      attempts += 1;
      return { engine: 'openai:test', summary: 'code', code: codeOf(attempts) };
    },
  };
  return (_role: string, row: EffectRow): Outcome => {
    const make = outputs[row.src];
    if (!make) throw new Error(`no effect ${row.src}`);
    return { status: 'done', output: make(row.input as Record<string, never>) };
  };
}

function live(route: string, errors: readonly number[] = [], picks: readonly number[] = []): World {
  const world = new World(roles, effectsOf(route, errors));
  world.submit(JSON.stringify({ id: TASK, prompt: 'Write a debounce function in TypeScript' }));
  let nth = 0;
  return world.run((waiting) => {
    nth += 1;
    return (picks[nth % Math.max(1, picks.length)] ?? 0) % waiting;
  });
}

function resultOf(world: World): Result {
  const ends = ['task.completed', 'task.failed', 'task.cancelled'].flatMap((name) => world.all(name));
  const [end] = ends;
  if (ends.length !== 1 || end?.type !== 'dev.agentmesh.task.completed.v1')
    throw new Error(`ended ${ends.length} times`);
  return end.data.result;
}

describe.each(['answer', 'build', 'review', 'tool', 'direct'])('%s', (route) => {
  test('S1: every event is accepted by the actor it is for', () => {
    const world = live(route);
    expect(world.refused).toEqual([]);
    expect(resultOf(world).hops.map(({ role }) => role)).toEqual(workflow(route).steps.map(({ role }) => role));
  });
});

describe('a build with one revision', () => {
  test('hears both messages and ends with the second attempt', () => {
    const result = resultOf(live('build', [1, 0]));
    expect(result).toMatchObject({ outcome: 'accepted', code: codeOf(2), loops: { used: 1, max: 2 } });
    expect(result.messages.map(({ messageId }) => messageId.split('/').at(-1))).toEqual(['coder', 'reviewer', 'coder']);
    expect(result.hops).toHaveLength(5);
  });

  test('S2: twice the same', () => {
    expect(JSON.stringify(live('build', [2, 1]).log)).toBe(JSON.stringify(live('build', [2, 1]).log));
  });

  test('S5: in whatever order its events come, it ends well and once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }),
        fc.array(fc.nat(3), { maxLength: 3 }),
        (picks, errors) => {
          const world = live('build', errors, picks);
          expect(world.refused).toEqual([]);
          const result = resultOf(world);
          const best = [0, 1, 2].findIndex((index) => (errors[index] ?? 0) === 0);
          expect(result.outcome).toBe(best < 0 ? 'exhausted' : 'accepted');
          expect(result.hops).toHaveLength(3 + 2 * (best < 0 ? 2 : best));
          expect(result.hops.every(({ status }) => status === 'completed')).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});
