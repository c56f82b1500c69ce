/**
 * A fuzz of every door of one mesh. Owns: how many inputs, how many at once, what is counted, and the verdict: every input
 * has a clear status, no process died, and memory is where it was. Does not own: the inputs, or the doors.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../simulation/random.ts';
import type { Mesh } from '../support/mesh.ts';
import { type Addresses, type Door, doorsOf } from './doors.ts';
import { sendToLog } from './log-door.ts';

const AT_ONCE = 12;
const PROBLEMS_SHOWN = 5;
const LOG = 'NATS';

export interface DoorReport {
  readonly door: string;
  readonly inputs: number;
  readonly ms: number;
  /** How often each status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Inputs without a clear status: the seed of each, and what came back. */
  readonly problems: readonly string[];
}

export interface FuzzReport {
  readonly seed: number;
  readonly doors: readonly DoorReport[];
  /** What each process holds, MiB, garbage not counted: after the first tenth, and at the end. */
  readonly memoryMb: Readonly<Record<string, { readonly early: number; readonly end: number }>>;
  /** Processes that did not live through it. */
  readonly deaths: readonly string[];
}

export interface FuzzOptions {
  /** To every door. */
  readonly inputs: number;
  readonly seed: number;
  /** Doors by name, to look at one of them; all when absent. */
  readonly only?: readonly string[];
  readonly onDoor?: (report: DoorReport) => void;
  readonly heldMb: (pid: number) => Promise<number>;
  /**
   * Of silence before memory is measured: a host keeps what has ended until its next checkpoint, which comes when it was
   * silent for half a minute at the latest.
   */
  readonly quietMs?: number;
  /** Further processes whose memory counts. */
  readonly processes?: Readonly<Record<string, number>>;
}

export async function fuzz(mesh: Mesh, addresses: Addresses, options: FuzzOptions): Promise<FuzzReport> {
  const { inputs, seed, only, heldMb, onDoor = () => undefined, quietMs = 0, processes = {} } = options;
  const isWanted = (door: string): boolean => only === undefined || only.includes(door);
  const memory = async (): Promise<Map<string, number>> => {
    const pids = [...mesh.services.map(({ name, life }) => [name, life.pid] as const), ...Object.entries(processes)];
    const held = new Map<string, number>();
    await sleep(quietMs);
    for (const [name, pid] of pids) held.set(name, Math.round((await heldMb(pid)) * 10) / 10);
    return held;
  };
  const doors = doorsOf(addresses).filter(({ name }) => isWanted(name));
  const warm = Math.ceil(inputs / 10);
  // The first tenth to every door, so that what is loaded once is loaded before memory is measured.
  const first = new Map<Door, DoorReport>();
  for (const door of doors) first.set(door, await through(door, 0, warm, seed));
  if (isWanted(LOG)) await sendToLog(mesh, warm, seed + 1);
  const early = await memory();
  const reports: DoorReport[] = [];
  for (const door of doors) {
    const report = together(first.get(door), await through(door, warm, inputs, seed));
    onDoor(report);
    reports.push(report);
  }
  if (isWanted(LOG)) {
    const beganMs = performance.now();
    const statuses = Object.fromEntries(await sendToLog(mesh, inputs, seed));
    const log = { door: LOG, inputs, ms: Math.round(performance.now() - beganMs), statuses, problems: [] };
    onDoor(log);
    reports.push(log);
  }
  const end = await memory();
  return {
    seed,
    doors: reports,
    memoryMb: Object.fromEntries([...early].map(([name, mb]) => [name, { early: mb, end: end.get(name) ?? 0 }])),
    deaths: mesh.services.filter(({ ended }) => ended > 0).map(({ name }) => name),
  };
}

function together(first: DoorReport | undefined, rest: DoorReport): DoorReport {
  if (first === undefined) return rest;
  const names = new Set([...Object.keys(first.statuses), ...Object.keys(rest.statuses)]);
  const sum = (name: string): number => (first.statuses[name] ?? 0) + (rest.statuses[name] ?? 0);
  return {
    ...{ door: rest.door, inputs: first.inputs + rest.inputs, ms: first.ms + rest.ms },
    statuses: Object.fromEntries([...names].map((name) => [name, sum(name)])),
    problems: [...first.problems, ...rest.problems],
  };
}

async function through(door: Door, from: number, to: number, seed: number): Promise<DoorReport> {
  const statuses = new Map<string, number>();
  const problems: string[] = [];
  let next = from;
  const beganMs = performance.now();
  const work = async (): Promise<void> => {
    while (next < to) {
      const label = `${seed}/${door.name}/${next++}`;
      const { status, problem } = await door.send(new Random(label));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (problem !== null && problems.length < PROBLEMS_SHOWN) problems.push(`${label}: ${problem}`);
      else if (problem !== null) problems.push(label);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    ...{ door: door.name, inputs: to - from, ms: Math.round(performance.now() - beganMs) },
    ...{ statuses: Object.fromEntries([...statuses].toSorted(([, one], [, other]) => other - one)), problems },
  };
}
