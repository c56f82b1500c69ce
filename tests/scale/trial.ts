/**
 * What a mesh on several hosts and three NATS servers has to stand, one thing after the other, under load. Owns: the steps
 * and what must hold after each. Does not own: the processes, the load, the verdict (`run.ts`).
 */
import { PARTITIONS } from '../../schemas/events/subjects.ts';
import type { Load } from '../chaos/load.ts';
import type { Mesh } from '../support/mesh.ts';
import type { NatsCluster } from '../support/nats-cluster.ts';
import { serverName } from '../support/nats-cluster.ts';
import type { ServiceName, ServiceProcess } from '../support/service-process.ts';
import { type HostPlan, type Leases, nameOf } from './hosts.ts';

/** A killed host's partitions have to be somewhere else by then. */
const TAKEOVER_LIMIT_MS = 10_000;
/** An effect that is under way keeps its partition where it is until it has ended. */
const SHARED_LIMIT_MS = 60_000;
const COPIED_LIMIT_MS = 60_000;
/** It was told by its beat, or by the log when it wrote a record. */
const LOST = /^another host (has taken these partitions|writes this partition now)/;

export interface Trial {
  readonly mesh: Mesh;
  readonly cluster: NatsCluster;
  readonly leases: Leases;
  readonly load: Load;
  readonly hosts: readonly HostPlan[];
  readonly say: (text: string) => void;
}

const processOf = ({ mesh }: Trial, plan: HostPlan): ServiceProcess => mesh.service(nameOf(plan));

/** Those that share, not the standby. */
function sharing({ hosts }: Trial, service: ServiceName): HostPlan[] {
  return hosts.filter((plan) => plan.service === service && plan.standby !== true);
}

/** Every host of the service has its share, and a standby has nothing. */
export function shared(trial: Trial, service: ServiceName): Promise<number> {
  const letters = sharing(trial, service).map(({ letter }) => letter);
  const most = Math.ceil(PARTITIONS / letters.length);
  const isShared = (has: Readonly<Record<string, number>>): boolean =>
    Object.keys(has).every((letter) => letters.includes(letter)) && Object.values(has).every((count) => count <= most);
  return trial.leases.until(service, `shared by ${letters.join(', ')}`, isShared, SHARED_LIMIT_MS);
}

/** Some more tasks have ended since: the mesh works. */
async function works({ load }: Trial, more = 3): Promise<void> {
  const ended = (): number => load.asked.filter((one) => one.ended).length;
  const [before, beganMs] = [ended(), performance.now()];
  while (ended() < before + more) {
    if (performance.now() - beganMs > SHARED_LIMIT_MS)
      throw new Error(`no ${more} tasks ended in ${SHARED_LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Killed for good: its partitions are elsewhere in time; started again, it gets its share back. */
export async function killHost(trial: Trial, plan: HostPlan): Promise<number> {
  const host = processOf(trial, plan);
  await host.down('SIGKILL');
  const isGone = (has: Readonly<Record<string, number>>): boolean => has[plan.letter] === undefined;
  const tookMs = await trial.leases.until(plan.service, `without ${plan.letter}`, isGone, TAKEOVER_LIMIT_MS);
  trial.say(`${nameOf(plan)} was killed: its partitions were elsewhere after ${tookMs} ms`);
  await works(trial);
  await host.start();
  await shared(trial, plan.service);
  return tookMs;
}

/** Stopped beyond its lease, then it goes on: it is told that it has lost them, and nothing that it does then counts. */
export async function pauseHost(trial: Trial, plan: HostPlan): Promise<number> {
  const host = processOf(trial, plan);
  await host.kill('SIGSTOP');
  const isGone = (has: Readonly<Record<string, number>>): boolean => has[plan.letter] === undefined;
  const tookMs = await trial.leases.until(plan.service, `without ${plan.letter}`, isGone, TAKEOVER_LIMIT_MS);
  await works(trial);
  await host.kill('SIGCONT');
  await host.line(({ msg = '' }) => LOST.test(msg), TAKEOVER_LIMIT_MS, 'that it lost its partitions');
  trial.say(
    `${nameOf(plan)} was paused: its partitions were elsewhere after ${tookMs} ms, and it was fenced when it came back`,
  );
  await shared(trial, plan.service);
  return tookMs;
}

/** All that share are gone at once: the standby has everything, and gives it back. */
export async function needStandby(trial: Trial, service: ServiceName): Promise<number> {
  const both = sharing(trial, service).map((plan) => processOf(trial, plan));
  await Promise.all(both.map((host) => host.down('SIGKILL')));
  const standby = trial.hosts.find((plan) => plan.service === service && plan.standby === true);
  const isTheirs = (has: Readonly<Record<string, number>>): boolean => has[standby?.letter ?? ''] === PARTITIONS;
  const tookMs = await trial.leases.until(service, 'with the standby', isTheirs, TAKEOVER_LIMIT_MS);
  trial.say(`all hosts of ${service} were killed: the standby had everything after ${tookMs} ms`);
  await works(trial);
  await Promise.all(both.map((host) => host.start()));
  await shared(trial, service);
  return tookMs;
}

/** @param which the server that leads the log, or one that does not */
export async function loseServer(trial: Trial, which: 'leader' | 'follower'): Promise<void> {
  const { cluster, leases } = trial;
  const leader = await leases.leader();
  const index = cluster.servers.findIndex((_, at) => (serverName(at) === leader) === (which === 'leader'));
  await cluster.servers[index]?.kill();
  await works(trial);
  await cluster.servers[index]?.start();
  const tookMs = await leases.untilCopied(COPIED_LIMIT_MS);
  trial.say(
    `NATS ${serverName(index)} (${which}) was killed: tasks went on; its copy was level ${tookMs} ms after its start`,
  );
}

/** One host after the other is stopped in order and started again, as in an upgrade. No task has to ask a person for that. */
export async function rollHosts(trial: Trial): Promise<void> {
  const unknown = (): number => trial.load.asked.filter((one) => one.unknown).length;
  const before = unknown();
  for (const plan of trial.hosts) {
    const host = processOf(trial, plan);
    await host.down('SIGTERM');
    await works(trial, 1);
    await host.start();
    if (plan.standby !== true) await shared(trial, plan.service);
  }
  if (unknown() !== before)
    throw new Error(`${unknown() - before} tasks asked what had happened after orderly restarts`);
  trial.say('every host was stopped in order and started again, one after the other; no task asked what had happened');
}
