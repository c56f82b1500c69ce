/**
 * Kills a system in the midst of its work. Owns: the moment of the kill, what is killed, and the time until every run is
 * known to have finished. Does not own: starting the system again (systems/), counting bodies (trace.ts).
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { STEPS } from './job.ts';
import { type Contestant, startCallers, startSettled, withPlace } from './measure-system.ts';
import type { Kill } from './results.ts';
import { countTrace, type TraceCount } from './trace.ts';

export interface KillPlan {
  readonly runs: number;
  readonly stepMs: number;
  /** The kill comes when so many of all steps are done, 0 to 1. */
  readonly doneAtKill: number;
}

const killPlan: KillPlan = { runs: 100, stepMs: 300, doneAtKill: 0.46 };

const MIDDLE_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 10;

export async function killTest(contestant: Contestant, home: string, plan: KillPlan = killPlan): Promise<Kill> {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-race-'));
  const tracePath = join(folder, 'trace');
  const ids = Array.from({ length: plan.runs }, () => newCorrelationId());
  const known = new Set(ids);
  const count = (): TraceCount => countTrace(existsSync(tracePath) ? readFileSync(tracePath, 'utf8') : '', known);
  const { system } = contestant;
  try {
    return await withPlace(contestant, home, { tracePath, stepMs: plan.stepMs }, async (place) => {
      const callers = await startSettled(system, place);
      const first = callers.finish('run', ids);
      // In process the callers are killed with their runs; elsewhere they wait on.
      const ended = system.inProcess ? first.catch(() => undefined) : first;
      // Awaited below; until then a failure is nobody's, and must not end the race.
      ended.catch(() => undefined);
      await untilDone(count, plan.runs * STEPS * plan.doneAtKill, ended);
      await place.processes.kill(system.inProcess ? undefined : ['worker', 'engine']);
      const atKill = count();
      const killedMs = performance.now();
      await system.start(place);
      if (system.inProcess) await (await startCallers(system, place)).finish('resume', ids);
      else await ended;
      const finishedMs = Math.round(performance.now() - killedMs);
      const after = count();
      await place.processes.stopAll();
      return {
        runs: plan.runs,
        stepsDoneAtKill: atKill.ended,
        finishedMs,
        stepsDone: after.ended,
        begunTwice: after.begunTwice,
        endedTwice: after.endedTwice,
      };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws what the callers throw, when they end before */
async function untilDone(count: () => TraceCount, steps: number, ended: Promise<void>): Promise<void> {
  const deadline = performance.now() + MIDDLE_LIMIT_MS;
  while (count().ended < steps) {
    const over = await Promise.race([ended.then(() => true), sleep(LOOK_EVERY_MS, false)]);
    if (over) throw new Error('the runs ended before they were killed');
    if (performance.now() > deadline) throw new Error(`only ${count().ended} steps done after ${MIDDLE_LIMIT_MS} ms`);
  }
}
