/**
 * Watches hosts that share partitions: what one gives, another takes (S7), in order (S4), with nothing cut off (S6), and
 * none that is older than who gave it (S11). Owns: those checks. Does not own: who may take a lease at all (`leases.ts`).
 */
import { keyOf } from '../../actors/runtime/tasks/actor.ts';
import { LEASE_TTL_MS } from '../faults.ts';
import { decoded } from '../history.ts';
import type { HostProcess } from '../hosts.ts';
import type { Run } from '../simulate.ts';
import { foldJournal, journalOnDisk } from './journal-state.ts';

interface Given {
  readonly by: HostProcess;
  readonly process: string;
  readonly wasOld: boolean;
  readonly atMs: number;
  /** How often it was taken back by the same process since another one had it. */
  readonly takenBack: number;
  /** Nobody has it since. */
  readonly isFree: boolean;
}

/**
 * More often in a row a partition does not come back to who gives it: the other one may have died each time. Who is starved
 * gives it as often as it stands by (`TAKEN_MAX`), and the other one may stand by then too.
 */
const TAKEN_BACK_MAX = 2;
/** Who finds a host silent takes one lease after the other; what is taken later counts as another time. */
const AT_ONCE_MS = 2 * LEASE_TTL_MS;
/** So often may a host that lives be found silent, in the time that a run is starved: each time it stays away for twice as long. */
const TAKEN_MAX = 5;
/** A mesh that has been healed for so long gives in order: what was slow before has come to its limits. */
const HEALED_MS = 5000;

type Watched = Pick<Run, 'hosts' | 'report' | 'scheduler' | 'plan' | 'history' | 'world'>;

export class Shares {
  readonly #run: Watched;
  readonly #given = new Map<string, Given>();
  /** By key of a lease, who has it. */
  readonly #holders = new Map<string, string>();
  /** From processes that live, by what they call themselves. */
  readonly #taken = new Map<string, { readonly times: number; readonly atMs: number }>();
  #healedSinceMs: number | null = null;
  #isOver = false;

  constructor(run: Watched) {
    this.#run = run;
  }

  heal(): void {
    this.#healedSinceMs = this.#run.scheduler.nowMs;
  }

  /** From now on hosts go for good. */
  end(): void {
    this.#isOver = true;
  }

  /** @param key `<service>.<partition>` */
  freed(key: string, holder: string): void {
    this.#holders.delete(key);
    const { hosts, plan, scheduler, report } = this.#run;
    const by = hosts.find(({ name }) => name === holder);
    // Before a host is ready it lets go of what it may not have, and of all when it stops.
    if (!by || by.readySinceMs === null || by.isStopping || plan.fired.has('twin')) return;
    const before = this.#given.get(key);
    const takenBack = before?.process === by.process ? before.takenBack : 0;
    const what = { by, process: by.process, wasOld: by.isOld, takenBack, isFree: true };
    this.#given.set(key, { ...what, atMs: scheduler.nowMs });
    report.count('partition given to another host');
    if (this.#isCalm()) this.#checkOrder(key, by);
  }

  granted(key: string, holder: string): void {
    this.#holders.set(key, holder);
    const { hosts, report, plan } = this.#run;
    const given = this.#given.get(key);
    const to = hosts.find(({ name }) => name === holder);
    if (!given?.isFree || !to) return;
    if (to.process !== given.process) {
      if (to !== given.by && to.isOld && !given.wasOld && this.#knowsOfNewer(to))
        report.violation('S11', `${given.by.name} gives ${key} to ${holder}, which is older`);
      this.#given.delete(key);
      return;
    }
    const takenBack = given.takenBack + 1;
    this.#given.set(key, { ...given, takenBack, isFree: false });
    if (takenBack > (plan.fired.has('starved') ? TAKEN_MAX : TAKEN_BACK_MAX))
      report.violation('S7', `${holder} has given ${key} away ${takenBack} times, and takes it back each time`);
  }

  /** Somebody has found the holder of a lease silent, and has the lease now. */
  taken(holder: string): void {
    const { hosts, plan, scheduler, report } = this.#run;
    const from = hosts.find(({ name }) => name === holder);
    if (!from || from.down || !plan.fired.has('starved')) return;
    const before = this.#taken.get(from.process) ?? { times: 0, atMs: Number.NEGATIVE_INFINITY };
    const times = before.times + (scheduler.nowMs - before.atMs > AT_ONCE_MS ? 1 : 0);
    this.#taken.set(from.process, { times, atMs: scheduler.nowMs });
    report.count(`a living host found silent ${times}`);
    if (times > TAKEN_MAX)
      report.violation('S7', `${holder} lives, and for the ${times}th time others take what it has`);
  }

  /** To be called now and then. */
  look(): void {
    const { scheduler, report } = this.#run;
    if (this.#isOver || !this.#isCalm()) return;
    for (const [key, { by, isFree, atMs }] of this.#given) {
      // Who was out of reach waits so long before it takes anything, and an older host leaves it to one that waits.
      const sinceMs = Math.max(atMs, this.#healedSinceMs === null ? 0 : this.#healedSinceMs + HEALED_MS);
      if (isFree && scheduler.nowMs - sinceMs > LEASE_TTL_MS && !report.failed)
        report.violation('S7', `${by.name} gave ${key} away, and for ${LEASE_TTL_MS} ms nobody has it`);
    }
  }

  /**
   * A newer one has told it so within a lease's time to live, or has a lease. For one that has none, and is so slow that it
   * tells less often, nothing speaks: it is gone as far as anybody can know, and what it gave is not left free for ever.
   */
  #knowsOfNewer(older: HostProcess): boolean {
    const { hosts, scheduler } = this.#run;
    const holders = new Set(this.#holders.values());
    const sinceMs = scheduler.nowMs - LEASE_TTL_MS;
    return hosts.some(
      ({ name, service, isOld, isStopping }) =>
        service === older.service &&
        !isOld &&
        !isStopping &&
        (holders.has(name) || (older.heardMs(name) ?? 0) >= sinceMs),
    );
  }

  #isCalm(): boolean {
    const { plan, scheduler } = this.#run;
    if (this.#healedSinceMs === null) return plan.fired.size === 0;
    return scheduler.nowMs - this.#healedSinceMs > HEALED_MS;
  }

  /** All that was said is sent, both stores have the word that it stops, and nothing was cut off. */
  #checkOrder(key: string, { name, process, disk, roles, gate }: HostProcess): void {
    const { report, history, world, plan } = this.#run;
    const writer = history.writerOf(key);
    // Who finds late that it was overtaken lets go of a lease, and gives nothing: the other one wrote on.
    if (writer !== null && writer !== process) return;
    const journal = journalOnDisk(history, disk.tables.partition(Number(key.split('.')[1])));
    const last = journal.at(-1);
    if (last === undefined) return;
    const { head } = decoded(last.body);
    if (head.word !== 'stopped' || head.process !== process || history.lacks(head.id) !== null) {
      report.violation('S4', `${name} gives ${key} away before both stores have its word that it stops`);
      return;
    }
    if (head.sent < head.n - 1)
      report.violation('S4', `${name} gives ${key} away, and what follows from record ${head.sent + 1} is not sent`);
    // A journal that has lost its beginning cannot be folded from its first record.
    if (plan.lostForGood) return;
    for (const actors of foldJournal(roles, journal).tasks.values()) {
      for (const actor of actors.values()) {
        for (const row of actor.effects.values()) {
          const cutOff = row.started && world.dealings.get(keyOf(actor, row))?.gate === gate;
          if (cutOff) report.violation('S6', `${name} gives ${key} away while ${keyOf(actor, row)} runs`);
        }
      }
    }
  }
}
