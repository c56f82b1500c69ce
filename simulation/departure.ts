/**
 * The end of a run in which hosts of a service share it: one of them goes for good, in order or not, and the others are to
 * have all of it before long (S7). Owns: that.
 */
import { defaultLimits } from '../actors/runtime/limits.ts';
import { unevenShares } from './checks/living.ts';
import { LEASE_TTL_MS } from './faults.ts';
import type { HostProcess } from './hosts.ts';
import type { Random } from './random.ts';
import type { Run } from './simulate.ts';

const BEAT_MS = LEASE_TTL_MS / 3;
/** Who says that it goes is replaced at the next beat of the others; one more for the way. */
const TOLD_MS = 2 * BEAT_MS;
/** Who falls silent is found so after a time to live; a host of an older release may end, and come back as a newer one. */
const SILENT_MS = 3 * LEASE_TTL_MS;
/** In a log that was made anew, what another host has more of is left to it for so long, also when it goes. */
const LEFT_MS = defaultLimits.otherHostsMs;
/** What was taken is read until the end is looked at. */
const READ_MS = LEASE_TTL_MS;

export async function depart(run: Run, random: Random): Promise<void> {
  for (const service of run.catalog.services.keys()) {
    const all = run.hosts.filter((host) => host.service === service);
    if (all.length > 1 && !run.report.failed) await oneOf(run, all, random.fork(service));
  }
}

async function oneOf(run: Run, all: readonly HostProcess[], random: Random): Promise<void> {
  const { scheduler, report } = run;
  const leaver = random.pick(all);
  const isTold = random.chance(0.5);
  const others = all.filter((host) => host !== leaver);
  const isNewerThere = others.some((host) => !host.isOld && !host.isStandby);
  const olderHad = others.map((host) => (host.isOld ? host.has : null));
  leaver.retire();
  if (isTold) {
    leaver.stop(0);
    await scheduler.run(() => leaver.down || report.failed, SILENT_MS);
  } else leaver.end();
  const uneven = (): string[] => unevenShares({ hosts: others, services: [leaver.service] });
  const limitMs = (isTold ? TOLD_MS : SILENT_MS) + (run.plan.logWentBack ? LEFT_MS : 0);
  const isTaken = await scheduler.run(() => report.failed || uneven().length === 0, limitMs);
  const how = isTold ? 'said that it goes' : 'fell silent';
  if (!isTaken) report.violation('S7', `${leaver.name} ${how}, and after that ${uneven().join('; ')}`);
  for (const [at, { name, has }] of others.entries()) {
    const had = olderHad[at] ?? null;
    if (isTold && isNewerThere && had !== null && has > had)
      report.violation('S11', `${name} takes partitions of ${leaver.name} although a newer host is there`);
  }
  report.count(`a host of several ${how}`);
  await scheduler.run(() => report.failed, READ_MS);
}
