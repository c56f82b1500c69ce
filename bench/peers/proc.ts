/**
 * What the kernel says of a tree of processes, by /proc alone, without root. Owns: who belongs to a tree, its CPU time
 * and memory. Does not own: the processes (processes.ts).
 *
 * Invariants:
 * 1. A process counts from its start to its end: what ended and was waited for is in its parent's account (`cutime`).
 * 2. A process that was seen once stays in the tree when its parent ends and it gets another one.
 * 3. A number of a process that was given out again is somebody else: start times tell them apart.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcStat {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since the machine's start; with the pid it names one process for good. */
  readonly started: number;
  /** User and system time, its own and that of ended children that were waited for, milliseconds. */
  readonly cpuMs: number;
}

/** USER_HZ, the unit of /proc/<pid>/stat: 100 on every platform that Node runs on. */
const TICK_MS = 10;

/** @param text of /proc/<pid>/stat; null when it is none. Fields are counted after the name, which may hold anything. */
export function parseStat(text: string): ProcStat | null {
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  const stat = { pid, parent: field(4), started: field(22), cpuMs: ticks * TICK_MS };
  return Object.values(stat).every(Number.isFinite) ? stat : null;
}

/** Everything that descends from the roots, parents before children. @param roots themselves are part of it */
export function descendants(all: readonly ProcStat[], roots: ReadonlySet<number>): ProcStat[] {
  const children = new Map<number, ProcStat[]>();
  for (const stat of all) children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat]);
  const found = new Map<number, ProcStat>();
  let level = all.filter(({ pid }) => roots.has(pid));
  while (level.length > 0) {
    for (const stat of level) found.set(stat.pid, stat);
    level = level.flatMap(({ pid }) => children.get(pid) ?? []).filter(({ pid }) => !found.has(pid));
  }
  return [...found.values()];
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    // It ended while we looked.
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ESRCH'))
      return null;
    throw thrown;
  }
}

function allProcesses(): ProcStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => parseStat(readProc(`/proc/${pid}/stat`) ?? ''))
    .filter((stat) => stat !== null);
}

/** A set of roots and all that ever descended from them. */
export class ProcessTree {
  readonly #known = new Map<number, number>();

  add(pid: number): void {
    const stat = parseStat(readProc(`/proc/${pid}/stat`) ?? '');
    if (stat !== null) this.#known.set(pid, stat.started);
  }

  /** Those that live now, parents first. */
  living(): ProcStat[] {
    const all = allProcesses();
    const roots = all.filter(({ pid, started }) => this.#known.get(pid) === started);
    const living = descendants(all, new Set(roots.map(({ pid }) => pid)));
    for (const { pid, started } of living) this.#known.set(pid, started);
    return living;
  }

  /** CPU time of all so far, milliseconds; meaningful as a difference while no root ends in between. */
  cpuMs(): number {
    return this.living().reduce((sum, stat) => sum + stat.cpuMs, 0);
  }

  /** Proportional set size: a page that several share counts once. */
  memoryMb(): number {
    const kib = this.living().map(({ pid }) => {
      const rollup = readProc(`/proc/${pid}/smaps_rollup`);
      return Number(/^Pss:\s+(\d+)/m.exec(rollup ?? '')?.[1] ?? 0);
    });
    return kib.reduce((sum, one) => sum + one, 0) / 1024;
  }
}
