/**
 * What chaos does to a mesh. Owns: each kind of strike, and choosing them by seed. Does not own: what must survive.
 *
 * A strike is over when everything that it hit has been started again; the next one does not wait until it is ready.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mesh } from '../support/mesh.ts';
import type { ServiceName } from '../support/service-process.ts';
import type { FullDisk } from './full-disk.ts';
import type { Random } from './random.ts';

export interface Struck {
  /** Processes killed with SIGKILL. */
  readonly kills: number;
  /** The log was made anew: watchers have to begin again. */
  readonly newLog?: boolean;
}

export interface Target {
  readonly mesh: Mesh;
  readonly random: Random;
  /** Null where no small disk can be had. */
  readonly disk: FullDisk | null;
  /** Where a service keeps its ledger. */
  ledger(service: ServiceName): string;
}

type Strike = (target: Target) => Promise<Struck>;

const services: readonly ServiceName[] = ['agents', 'llm', 'tools'];
/** Longer than a lease, so that its holder wakes up without it. */
const FROZEN_MAX_MS = 3000;
const FULL_MS = 1500;

function ledgerFiles(path: string): string[] {
  return ['', '-wal', '-shm'].map((suffix) => path + suffix).filter((file) => existsSync(file));
}

/** What services have set aside of earlier ones is kept for people; here it would fill the small disk. */
function removeSetAside(folder: string): void {
  for (const file of readdirSync(folder)) if (file.includes('.aside-')) rmSync(join(folder, file));
}

async function killAll({ mesh }: Target): Promise<void> {
  await Promise.all([mesh.nats.kill(), ...services.map((name) => mesh.service(name).down())]);
}

async function startAll({ mesh }: Target): Promise<void> {
  await mesh.nats.start();
  await Promise.all(services.map((name) => mesh.service(name).start()));
}

const strikes: Readonly<Record<string, { weight: number; strike: Strike }>> = {
  'kill a service': {
    weight: 10,
    async strike({ mesh, random }) {
      await mesh.service(random.pick(services)).kill();
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
      return { kills: services.length + 1 };
    },
  },
  'freeze a service': {
    weight: 2,
    async strike({ mesh, random }) {
      const service = mesh.service(random.pick(services));
      await service.kill('SIGSTOP');
      await sleep(random.between(100, FROZEN_MAX_MS));
      await service.kill('SIGCONT');
      return { kills: 0 };
    },
  },
  'delete a ledger': {
    weight: 1,
    async strike({ mesh, random, ledger }) {
      const name = random.pick(services);
      await mesh.service(name).down();
      for (const file of ledgerFiles(ledger(name))) rmSync(file);
      await mesh.service(name).start();
      return { kills: 1 };
    },
  },
  'garble a ledger': {
    weight: 1,
    async strike({ mesh, random, ledger }) {
      const name = random.pick(services);
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
      return { kills: services.length + 1, newLog: true };
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

export function chooseStrike(random: Random): { name: string; strike: Strike } {
  const all = Object.entries(strikes);
  let left = random.between(0, all.reduce((sum, [, { weight }]) => sum + weight, 0) - 1);
  for (const [name, { weight, strike }] of all) {
    if (left < weight) return { name, strike };
    left -= weight;
  }
  throw new RangeError('weights do not add up');
}

export function ensureFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}
