/**
 * What chaos does to a mesh. Owns: each kind of strike, and choosing them by seed. Does not own: what must survive.
 *
 * A strike is over when everything that it hit has been started again; the next one does not wait until it is ready.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostClock } from '../support/host-clock.ts';
import type { Mesh } from '../support/mesh.ts';
import { createDeck, type Deck } from './deck.ts';
import type { FullDisk } from './full-disk.ts';
import type { Random } from './random.ts';

export interface Struck {
  /** Processes killed with SIGKILL. */
  readonly kills: number;
  /** The log was made anew: watchers have to begin again. */
  readonly newLog?: boolean;
  /** What exactly was done, where the name does not say it. */
  readonly what?: string;
}

export interface Target {
  readonly mesh: Mesh;
  readonly random: Random;
  /** Null where no small disk can be had. */
  readonly disk: FullDisk | null;
  /** Where a process keeps its ledger. */
  ledger(name: ProcessName | typeof TWIN): string;
  readonly clocks: ReadonlyMap<ProcessName, HostClock>;
  /** Copies of stores as they were at an earlier strike. */
  readonly copies: string;
  readonly decks: Decks;
}

/** A store that may go back to what it was: the ledgers of a service, or the log. */
export type StoreName = 'agents' | 'tools' | 'llm' | 'log';

/** What is dealt in turn, so that a long run leaves nothing out. */
export interface Decks {
  readonly strikes: Deck<string>;
  /** Which stores go back together. */
  readonly stores: Deck<readonly StoreName[]>;
  readonly offsetsMs: Deck<number>;
}

export const STANDBY = 'agents-b';
/** Has the name of the `tools` process, and a ledger of its own. */
export const TWIN = 'tools-twin';

type Strike = (target: Target) => Promise<Struck>;

/** What always runs: three services, and a standby that takes the tasks of `agents` over. */
export const processes = ['agents', STANDBY, 'llm', 'tools'] as const;
export type ProcessName = (typeof processes)[number];
/** Longer than a lease, so that its holder wakes up without it. */
const FROZEN_MAX_MS = 3000;
const FULL_MS = 1500;
/** Two with one name are left alone for this long; one of them ends as soon as both have something to write. */
const TWINS_MS = 3000;
/** What clocks are off by: as virtual machines are that were suspended, as hosts without NTP, and by a wrong time zone. */
const OFFSETS_MS = [0, 0, 35_000, -35_000, 11 * 60_000, -3_600_000, 4 * 3_600_000, 9 * 86_400_000];

function ledgerFiles(path: string): string[] {
  return ['', '-wal', '-shm'].map((suffix) => path + suffix).filter((file) => existsSync(file));
}

/** What services have set aside of earlier ones is kept for people; here it would fill the small disk. */
function removeSetAside(folder: string): void {
  for (const file of readdirSync(folder)) if (file.includes('.aside-')) rmSync(join(folder, file));
}

async function killAll({ mesh }: Target): Promise<void> {
  await Promise.all([mesh.nats.kill(), ...processes.map((name) => mesh.service(name).down())]);
}

async function startAll({ mesh }: Target): Promise<void> {
  await mesh.nats.start();
  await Promise.all(processes.map((name) => mesh.service(name).start()));
}

/**
 * Every set of stores that may go back together. Never all of those that know of a deed: its request stands in the journal
 * of `agents`, in that of `tools`, and in the log; one of the three stays.
 */
export const storeSets: readonly (readonly StoreName[])[] = subsetsOf([
  'agents',
  'tools',
  'log',
  'llm',
] as const).filter(
  (stores) => stores.length > 0 && !(['agents', 'tools', 'log'] as const).every((one) => stores.includes(one)),
);

function subsetsOf<T>(all: readonly T[]): T[][] {
  return Array.from({ length: 2 ** all.length }, (_, which) => all.filter((_one, at) => (which >> at) % 2 === 1));
}

/** The processes whose ledgers a store is. */
function processesOf(store: Exclude<StoreName, 'log'>): readonly ProcessName[] {
  return store === 'agents' ? ['agents', STANDBY] : [store];
}

/** Nothing runs. Stores go back to their copies, if there are any yet; then all are copied for the next time. */
function rollBack({ mesh, ledger, copies, decks }: Target): { newLog: boolean; what: string } {
  const copyOf = (name: string): string => join(copies, name);
  const stores = existsSync(copies) ? decks.stores.deal() : [];
  for (const name of stores.flatMap((store) => (store === 'log' ? [] : processesOf(store)))) {
    for (const file of ledgerFiles(ledger(name))) rmSync(file);
    // A process that had no ledger then has none now.
    if (existsSync(copyOf(name))) cpSync(copyOf(name), dirname(ledger(name)), { recursive: true });
  }
  const newLog = stores.includes('log');
  if (newLog) {
    rmSync(mesh.nats.storeDir, { recursive: true });
    cpSync(copyOf('log'), mesh.nats.storeDir, { recursive: true });
  }
  const fresh = `${copies}.new`;
  for (const name of processes) {
    for (const file of ledgerFiles(ledger(name))) cpSync(file, join(fresh, name, basename(file)));
  }
  cpSync(mesh.nats.storeDir, join(fresh, 'log'), { recursive: true });
  rmSync(copies, { recursive: true, force: true });
  renameSync(fresh, copies);
  return { newLog, what: stores.join(', ') || 'none, all are copied' };
}

const strikes: Readonly<Record<string, { weight: number; strike: Strike }>> = {
  'kill a service': {
    weight: 10,
    async strike({ mesh, random }) {
      await mesh.service(random.pick(processes)).kill();
      return { kills: 1 };
    },
  },
  'kill the broker': {
    weight: 4,
    async strike({ mesh }) {
      await mesh.nats.kill();
      await mesh.nats.start();
      return { kills: 1 };
    },
  },
  'kill everything': {
    weight: 2,
    async strike(target) {
      await killAll(target);
      await startAll(target);
      return { kills: processes.length + 1 };
    },
  },
  'freeze a service': {
    weight: 2,
    async strike({ mesh, random }) {
      const service = mesh.service(random.pick(processes));
      await service.kill('SIGSTOP');
      await sleep(random.between(100, FROZEN_MAX_MS));
      await service.kill('SIGCONT');
      return { kills: 0 };
    },
  },
  'delete a ledger': {
    weight: 1,
    async strike({ mesh, random, ledger }) {
      const name = random.pick(processes);
      await mesh.service(name).down();
      for (const file of ledgerFiles(ledger(name))) rmSync(file);
      await mesh.service(name).start();
      return { kills: 1 };
    },
  },
  'garble a ledger': {
    weight: 1,
    async strike({ mesh, random, ledger }) {
      const name = random.pick(processes);
      await mesh.service(name).down();
      removeSetAside(dirname(ledger(name)));
      for (const file of ledgerFiles(ledger(name))) writeFileSync(file, random.bytes(8192));
      await mesh.service(name).start();
      return { kills: 1 };
    },
  },
  'wipe the log': {
    weight: 1,
    async strike(target) {
      await killAll(target);
      await target.mesh.nats.wipeStore();
      await startAll(target);
      return { kills: processes.length + 1, newLog: true };
    },
  },
  'roll stores back': {
    weight: 3,
    async strike(target) {
      await killAll(target);
      const back = rollBack(target);
      await startAll(target);
      return { kills: processes.length + 1, ...back };
    },
  },
  'set clocks': {
    weight: 2,
    strike({ clocks, decks }) {
      const offsets = [...clocks.values()].map((clock) => {
        const offsetMs = decks.offsetsMs.deal();
        clock.set(offsetMs);
        return offsetMs;
      });
      return Promise.resolve({ kills: 0, what: `${offsets.map((ms) => ms / 1000).join(', ')} s` });
    },
  },
  'start a namesake': {
    weight: 1,
    async strike({ mesh, ledger }) {
      const twin = mesh.service(TWIN);
      await twin.startOrRefuse();
      await sleep(TWINS_MS);
      await twin.down();
      for (const file of ledgerFiles(ledger(TWIN))) rmSync(file);
      return { kills: 1 };
    },
  },
  'fill the disk': {
    weight: 1,
    async strike({ disk }) {
      if (!disk) return { kills: 0 };
      disk.fill();
      await sleep(FULL_MS);
      disk.empty();
      return { kills: 0 };
    },
  },
};

export function createDecks(random: Random): Decks {
  const cards = Object.entries(strikes).flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name));
  return {
    strikes: createDeck(random, cards),
    stores: createDeck(random, storeSets),
    offsetsMs: createDeck(random, OFFSETS_MS),
  };
}

export function strikeNamed(name: string): Strike {
  const found = strikes[name];
  if (found === undefined) throw new RangeError(`no strike ${name}`);
  return found.strike;
}

export function ensureFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
