/**
 * The hosts of a mesh that is scaled out: which there are, and who has which partition by the leases of the log. Owns:
 * looking, and waiting for a state. Does not own: what is done to them (`trial.ts`).
 */
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from 'nats';
import { LEASE_BUCKET } from '../../bus/layout.ts';
import { keyToken } from '../../bus/leases.ts';
import { PARTITIONS, partitionNumbers, STREAM } from '../../schemas/events/subjects.ts';
import type { Mesh } from '../support/mesh.ts';
import type { Environment, ServiceName, ServiceProcess } from '../support/service-process.ts';

const ASK_EVERY_MS = 50;

export interface HostPlan {
  readonly service: ServiceName;
  /** Tells it from the others of its service. */
  readonly letter: string;
  readonly standby?: boolean;
}

export const nameOf = ({ service, letter }: HostPlan): string => `${service}-${letter}`;

/** Adds a process with a ledger and a name of its own; it has to be started. */
export function addHost(mesh: Mesh, plan: HostPlan): ServiceProcess {
  const { service, letter, standby = false } = plan;
  const env: Environment = {
    MESH_HOST_ID: letter,
    CHECKPOINT_DB_PATH: join(mesh.home, letter, 'ledger', 'agents.db'),
    MESH_STANDBY: standby ? 'on' : 'off',
  };
  return mesh.add(service, nameOf(plan), env);
}

/** How many partitions each host of a service has, by its letter. */
export type Holders = Readonly<Record<string, number>>;

export class Leases {
  readonly #nc: NatsConnection;
  readonly #kv: KV;

  private constructor(nc: NatsConnection, kv: KV) {
    this.#nc = nc;
    this.#kv = kv;
  }

  static async open(mesh: Mesh): Promise<Leases> {
    const nc = await connect({ servers: mesh.nats.url.split(','), maxReconnectAttempts: -1 });
    return new Leases(nc, await new Kvm(jetstream(nc)).open(LEASE_BUCKET));
  }

  async holders(service: ServiceName): Promise<Holders> {
    const counts: Record<string, number> = {};
    for (const partition of partitionNumbers) {
      const entry = await this.#kv.get(`lease.${keyToken(`${service}.${partition}`)}`);
      const { holder } = entry?.json<{ holder: string }>() ?? { holder: '' };
      const letter = holder.split('-')[0] ?? '';
      if (letter !== '') counts[letter] = (counts[letter] ?? 0) + 1;
    }
    return counts;
  }

  /** Milliseconds until the leases are as asked. @throws with what they are, after the limit */
  async until(service: ServiceName, what: string, isSo: (has: Holders) => boolean, limitMs: number): Promise<number> {
    const beganMs = performance.now();
    let has: Holders = {};
    while (performance.now() - beganMs < limitMs) {
      try {
        has = await this.holders(service);
      } catch {
        // A cluster that chooses its leader answers nobody.
        has = {};
      }
      const isWhole = Object.values(has).reduce((sum, one) => sum + one, 0) === PARTITIONS;
      if (isWhole && isSo(has)) return Math.round(performance.now() - beganMs);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    throw new Error(`${service}: not ${what} after ${limitMs} ms, but ${JSON.stringify(has)}`);
  }

  /** Name of the server that leads the log. */
  async leader(): Promise<string> {
    const jsm = await jetstreamManager(this.#nc);
    return (await jsm.streams.info(STREAM)).cluster?.leader ?? '';
  }

  /** Resolves when every copy of the log is current. */
  async untilCopied(limitMs: number): Promise<number> {
    const beganMs = performance.now();
    while (performance.now() - beganMs < limitMs) {
      const jsm = await jetstreamManager(this.#nc).catch(() => null);
      const info = await jsm?.streams.info(STREAM).catch(() => null);
      const replicas = info?.cluster?.replicas ?? [];
      if (
        info?.cluster?.leader &&
        replicas.length === 2 &&
        replicas.every(({ current, offline }) => current && !offline)
      )
        return Math.round(performance.now() - beganMs);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
    throw new Error(`the copies of the log are not level after ${limitMs} ms`);
  }

  close(): Promise<void> {
    return this.#nc.close();
  }
}
