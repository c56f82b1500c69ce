/**
 * What a seed decides before anything happens: which processes there are and what they host, how small their limits are,
 * which stores may be lost, and how long things travel. Owns: drawing that. Does not own: what goes wrong (`faults.ts`), or
 * what people ask (`workload.ts`).
 */
import type { RuntimeLimits } from '../actors/runtime/limits.ts';
import { ingress } from '../ingress/ingress.ts';
import type { Catalog } from './catalog.ts';
import type { Losing } from './draw-faults.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Roles lie in processes as shipped, or all in one, or each in one of its own. */
export function placed(catalog: Catalog, random: Random): Catalog {
  const throwOf = random.unit();
  if (throwOf < 0.4) return catalog;
  if (throwOf < 0.7) return { ...catalog, services: new Map([['agents', catalog.roles]]) };
  return { ...catalog, services: new Map(catalog.roles.map((role) => [role.name, [role]])) };
}

/** Half of the runs have limits that are reached at every turn. */
export function drawLimits(random: Random, losing: Losing): Partial<RuntimeLimits> {
  if (random.chance(0.5)) return {};
  // Who begins at a checkpoint cannot give the log what was before it: docs/reliability.md, known limits.
  const mayLoseLog = losing !== 'nothing' && losing !== 'ledgers';
  const copied = mayLoseLog ? {} : { copiedRecordsMax: random.fork('copied').skewed(1, 200) };
  return {
    ...copied,
    recordBytesMax: random.skewed(200, 20_000),
    recordInputsMax: random.int(1, 12),
    recordsAheadMax: random.skewed(1, 50),
    logPatienceMs: random.skewed(5, 500),
    sendingMax: random.skewed(1, 50),
    idleTasksMax: random.int(0, 5),
    checkpointRecords: random.int(5, 50),
    checkpointTasks: random.int(5, 50),
    checkpointIdleMs: random.skewed(500, 30_000),
    timeMarkMs: random.skewed(500, 20_000),
  };
}

export function drawLosing(random: Random): Losing {
  const throwOf = random.unit();
  if (throwOf < 0.42) return 'nothing';
  if (throwOf < 0.6) return 'ledgers';
  if (throwOf < 0.78) return 'log';
  return throwOf < 0.97 ? 'back' : 'retention';
}

/**
 * One host a service, and sometimes a second and a third one of some service. Not when all goes back to an older state:
 * what another host has folded is neither the log nor a ledger of it.
 */
export function drawHosts(catalog: Catalog, random: Random, losing: Losing): Map<string, string> {
  const names = new Map([...catalog.services.keys()].map((service) => [service, service]));
  const own = losing === 'log' ? random.fork('standby of a lost log') : random;
  if (losing !== 'back' && own.chance(0.35)) {
    const service = own.pick([...catalog.services.keys()]);
    names.set(`${service}-2`, service);
    if (random.fork('a third').chance(0.25)) names.set(`${service}-3`, service);
  }
  return names;
}

export function lanesOf(catalog: Catalog, names: ReadonlyMap<string, string>): (host: string) => readonly string[] {
  return (host) => {
    const service = names.get(host) ?? '';
    const roles = catalog.services.get(service)?.map(({ name }) => name) ?? [];
    return roles.includes(ingress.role) ? [...roles, ingress.name] : roles;
  };
}

/** How long things travel: mostly a fraction of a millisecond; how often longer, the seed decides. */
export function network(scheduler: Scheduler, random: Random): (task: () => void) => void {
  const way = random.fork('network');
  const slowShare = way.pick([0, 0.02, 0.1]);
  const slowMs = way.skewed(2, 60);
  return (task) => {
    const delay = way.chance(slowShare) ? way.unit() * slowMs : way.unit() * 0.6;
    scheduler.after(delay, task);
  };
}
