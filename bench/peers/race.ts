/**
 * One race: installs, then all systems in turn, as often as asked, then the kill tests. Owns: the order, so that a
 * machine that slows down slows all of them, and that one system's failure ends nobody else's race. Does not own: a
 * measurement (measure-system.ts, kill-test.ts).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../config/settings.ts';
import { findNatsServer } from '../../tests/support/nats-server.ts';
import { fdatasyncMs, machineInfo, round } from '../measure.ts';
import { type Entry, versionsOf } from './catalog.ts';
import { install, NotInstalled } from './install.ts';
import { killTest } from './kill-test.ts';
import { type Contestant, measureSystem, type Pace } from './measure-system.ts';
import type { Outcome, Results } from './results.ts';
import { systemNamed } from './systems/index.ts';

/** It has to fit into a row of a table; the logs have the rest. */
const PROBLEM_LENGTH_MAX = 200;

export interface RacePlan {
  readonly entries: readonly Entry[];
  readonly repetitions: number;
  readonly pace: Pace;
  readonly kill: boolean;
  /** Where packages, data, logs and results are. */
  readonly home: string;
  readonly say: (text: string) => void;
}

interface Runner {
  readonly contestant: Contestant;
  readonly outcome: Outcome;
}

export async function race(plan: RacePlan): Promise<Results> {
  const { entries, repetitions, pace, home, say } = plan;
  mkdirSync(home, { recursive: true });
  // As it is now: whoever works on the checkout meanwhile does not change what is measured.
  const measured = { date: new Date().toISOString(), commit: commit() };
  const outcomes = entries.map((entry) => emptyOutcome(entry));
  const runners: Runner[] = [];
  for (const [index, entry] of entries.entries()) {
    const outcome = outcomes[index];
    const contestant = await prepared(entry, plan, outcome);
    if (contestant !== null && outcome !== undefined) runners.push({ contestant, outcome });
  }
  const loadBefore = round(loadavg()[0] ?? 0);
  for (let repetition = 1; repetition <= repetitions; repetition += 1) {
    // Back and forth, so that nobody is always first.
    for (const { contestant, outcome } of repetition % 2 === 1 ? runners : [...runners].reverse()) {
      say(`${contestant.name}: measuring, ${repetition} of ${repetitions}`);
      await noting(outcome, 'measuring', plan, async () => {
        outcome.samples.push(await measureSystem(contestant, home, pace));
      });
    }
  }
  for (const { contestant, outcome } of plan.kill ? runners : []) {
    say(`${contestant.name}: killing it with runs in flight`);
    await noting(outcome, 'kill test', plan, async () => {
      outcome.kill = await killTest(contestant, home);
    });
  }
  const machine = { ...machineInfo(), natsServer: natsVersion(), fdatasyncMs: fdatasyncMs(home), loadBefore };
  return { ...measured, machine, repetitions, seconds: pace.seconds, outcomes };
}

function emptyOutcome(entry: Entry): Outcome {
  const { name, title, ours = false, runs, durability } = entry;
  const versions = ours ? 'this checkout' : versionsOf(entry);
  return { name, title, ours, versions, runs, durability, samples: [], kill: null, problems: [] };
}

async function prepared(
  entry: Entry,
  { home, say }: RacePlan,
  outcome: Outcome | undefined,
): Promise<Contestant | null> {
  const { name } = entry;
  const system = systemNamed(name);
  const installDir = join(home, name);
  say(`${name}: installing`);
  try {
    await install(entry, system, installDir);
    return { name, system, installDir };
  } catch (thrown) {
    if (!(thrown instanceof NotInstalled)) throw thrown;
    say(`${name}: skipped; ${thrown.message}`);
    outcome?.problems.push(`skipped: ${thrown.message}`);
    return null;
  }
}

/** A system that fails has a row that says so, and the others go on. */
async function noting(outcome: Outcome, what: string, { say }: RacePlan, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message : String(thrown);
    const problem = `${what}: ${said.trim().replaceAll(/\s+/g, ' ').slice(0, PROBLEM_LENGTH_MAX)}`;
    say(`${outcome.name}: ${problem}`);
    outcome.problems.push(problem);
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: projectRoot, encoding: 'utf8' }).trim();
  } catch {
    // A checkout without git has no commit to name.
    return 'unknown';
  }
}

function natsVersion(): string {
  const said = execFileSync(findNatsServer(), ['--version'], { encoding: 'utf8' });
  return /\d+\.\d+\.\d+/.exec(said)?.[0] ?? 'unknown';
}
