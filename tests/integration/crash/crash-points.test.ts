/**
 * Every named crash point in every service that passes it. Each service dies again and again at one point, at another
 * passing in each life, while tool and build tasks run; all three services die side by side.
 *
 * What is looked for: a record that is half there (J1), a word lost or said twice (J2), a deed done twice (J5).
 */
import { afterAll, describe, expect, test } from 'vitest';
import type { CrashPoint } from '../../../actors/runtime/crash-points.ts';
import { loadMachines, statesUnderWay } from '../../support/folded-ledger.ts';
import { useMesh } from '../../support/mesh.ts';
import { answerPrompt, buildTask } from '../../support/prompts.ts';
import type { ServiceName } from '../../support/service-process.ts';

type Passings = Partial<Record<ServiceName, readonly number[]>>;

/**
 * A tool, an answer and a build task pass `event-applied` some 20 times in agents; commits are fewer on a machine that is
 * busy, where more inputs share one. No service dies more than four times
 * in a row: an effect in the middle of which its process ends five times is given up.
 */
const plan: readonly (readonly [CrashPoint, Passings])[] = [
  ['event-read', { agents: [1, 3, 9, 18], llm: [1, 2, 4], tools: [1, 2, 3] }],
  ['event-applied', { agents: [1, 4, 9, 16], llm: [1, 2, 3, 5], tools: [1, 2, 3] }],
  ['before-commit', { agents: [1, 2, 4, 7], llm: [1, 2, 2, 3], tools: [1, 2, 2] }],
  ['in-ledger', { agents: [1, 2, 4, 7], llm: [1, 2, 2, 3], tools: [1, 2, 2] }],
  ['in-log', { agents: [1, 3, 6, 9], llm: [1, 2, 2, 3], tools: [1, 2, 2] }],
  ['after-commit', { agents: [1, 2, 5, 8], llm: [1, 2, 2, 3], tools: [1, 2, 2] }],
  ['before-publish', { agents: [1, 2, 5, 9], llm: [1, 2, 2], tools: [1, 1, 1] }],
  ['after-publish', { agents: [1, 3, 6, 10], llm: [1, 2, 2], tools: [1, 1, 1] }],
  ['effect-begun', { agents: [1, 2, 3, 4], llm: [1, 2, 3], tools: [1, 2, 2] }],
  ['effect-done', { agents: [1, 2, 3, 4], llm: [1, 2, 3], tools: [1, 2, 2] }],
];
/** A search, and the choice of a tool that is named, are over within the record that they began in: no crash sees them. */
/** A generation without a model is over within a commit; one with a model is killed in `mesh-with-model.test.ts`. */
const everyState = [
  'orchestrator:working.routing',
  'orchestrator:working.hop',
  'coder:writing',
  'reviewer:checking',
  'responder:writing',
  'tools:running',
];
const DEATH_LIMIT_MS = 90_000;
/** A bound for machines that are busy with other things; the measured times are printed. */
const START_BOUND_MS = 15_000;
const machines = await loadMachines();

describe('a process dies by SIGKILL at a named point', () => {
  const mesh = useMesh('crash-points');
  const met = new Map<string, number>();
  let startsMs: number[] = [];
  /** @param share of the starts that were no longer, 0 to 1 */
  const startMs = (share: number): number => Math.round(startsMs[Math.floor((startsMs.length - 1) * share)] ?? 0);

  const noteStates = (): void => {
    for (const service of ['agents', 'llm', 'tools'])
      for (const state of statesUnderWay(mesh().ledger(service), machines)) met.set(state, (met.get(state) ?? 0) + 1);
  };

  test.each(plan)('S3 S4 S6: %s', { timeout: 300_000 }, async (point, passings) => {
    const { watch, counter } = mesh();
    const armed = Object.entries(passings).map(([name, nths]) => ({ process: mesh().service(name), nths }));
    for (const { process, nths } of armed) {
      process.onDeath = noteStates;
      process.crashAt(...nths.map((nth) => `${point}#${nth}`));
    }
    const begun = armed.map(({ process }) => process.ended + 1);
    await Promise.all(armed.map(({ process }) => process.kill()));
    const rounds = Math.max(...armed.map(({ nths }) => nths.length));
    const builds: string[] = [];
    const answers: string[] = [];
    const tools: { id: string; path: string }[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const path = `/${point}/${round}`;
      builds.push(await mesh().submit(buildTask));
      answers.push(await mesh().submit(answerPrompt));
      tools.push({ id: await mesh().submit(counter.prompt('http_post', path)), path });
      const due = armed.map(({ process, nths }, index) =>
        process.deaths((begun[index] ?? 0) + Math.min(round, nths.length), DEATH_LIMIT_MS),
      );
      await Promise.all(due);
    }
    const built = await Promise.all(builds.map((id) => watch.result(id)));
    const answered = await Promise.all(answers.map((id) => watch.result(id)));
    const done = await Promise.all(tools.map(({ id }) => watch.result(id)));

    expect(built.map(({ result }) => result.outcome)).toEqual(builds.map(() => 'accepted'));
    expect(built.map(({ result }) => result.loops.used)).toEqual(builds.map(() => 1));
    expect(answered.map(({ result }) => result.citations.length)).toEqual(answers.map(() => 1));
    expect(done.map(({ name }) => name)).toEqual(tools.map(() => 'task.completed'));
    expect(tools.map(({ path }) => counter.deeds(path))).toEqual(tools.map(() => 1));
    for (const id of [...builds, ...answers, ...tools.map((tool) => tool.id)])
      expect(watch.terminal(id)).toHaveLength(1);
    expect(watch.doubles()).toEqual([]);
    expect(watch.quarantined()).toEqual([]);
    for (const { process, nths } of armed) {
      await process.ready();
      const deaths = process.lives.filter((life) => life.crashAt?.startsWith(`${point}#`));
      expect(deaths.map(({ ended }) => ended?.signal)).toEqual(nths.map(() => 'SIGKILL'));
    }
  });

  test('every state of the roles was met by a crash', () => {
    expect(everyState.filter((state) => !met.has(state))).toEqual([]);
  });

  test('restarts are ready soon', () => {
    startsMs = mesh()
      .services.flatMap((process) => process.startTimes())
      .toSorted((a, b) => a - b);
    // Of most: a machine whose disk stands still makes a single one late.
    expect(startMs(0.75)).toBeLessThan(START_BOUND_MS);
  });

  afterAll(() => {
    const [median, p95, longest] = [0.5, 0.95, 1].map(startMs);
    console.info(`${startsMs.length} starts: median ${median} ms, P95 ${p95} ms, longest ${longest} ms to ready`);
    console.info(`states met by a crash: ${[...met].map(([state, times]) => `${state} ${times}`).join(', ')}`);
  });
});
