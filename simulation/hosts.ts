/**
 * The processes of a simulated mesh: each runs the real host over simulated ports, dies, and is started again as a
 * supervisor would. Owns: their lives. Does not own: what goes wrong when (`fault-plan.ts`), or the checks.
 *
 * A life that has ended is cut off at its gate: whatever of its code still runs reaches nobody.
 */

import { FatalError } from '../actors/runtime/errors.ts';
import { createHost, type Host } from '../actors/runtime/host.ts';
import type { Ledger, LedgerBatch } from '../actors/runtime/ledger/port.ts';
import { defaultLimits } from '../actors/runtime/limits.ts';
import type { Role } from '../actors/runtime/role.ts';
import { createMemoryBus, type MemoryBus } from '../bus/memory-bus.ts';
import { BusError } from '../bus/port.ts';
import { doors, ingress } from '../ingress/ingress.ts';
import { inboxFilter } from '../schemas/events/subjects.ts';
import { Disk, type DiskCopy } from './disk.ts';
import { Gate } from './gate.ts';
import { clockOf, logOf, trail, typeNameIn } from './host-ports.ts';
import { createSimulatedBus, type SimulatedBus } from './simulated-bus.ts';
import type { HostTraits, Surroundings } from './surroundings.ts';

interface Life {
  readonly gate: Gate;
  readonly inner: MemoryBus;
  readonly bus: SimulatedBus;
  host: Host | null;
  /** It has said that the log has lost something. */
  foundLogLost: boolean;
  /** It has said that it lost partitions. */
  lostPartitions: boolean;
  /** The most partitions that it was seen to have. */
  mostHad: number;
}

/** A supervisor starts a process that ended by itself again after this. */
const RESTART_MS = 400;
/** A stopping process that takes longer is killed, milliseconds. */
const STOP_LIMIT_MS = 15_000;

export class HostProcess {
  readonly name: string;
  readonly service: string;
  readonly roles: readonly Role[];
  readonly disk: Disk;
  readonly #around: Surroundings;
  readonly #traits: HostTraits;
  #life: Life | null = null;
  #clockOffsetMs = 0;
  #extraSyncMs = 0;
  #stepMs = 0;
  /** Not to be started again. */
  #retired = false;
  #starting = false;
  /** The life that was told to stop. */
  #stopping: Life | null = null;
  /** When it had caught up; null when it is not up, or about to end. */
  readySinceMs: number | null = null;
  lives = 0;

  constructor(traits: HostTraits, around: Surroundings) {
    this.name = traits.name;
    this.service = traits.service;
    this.#traits = traits;
    this.#around = around;
    this.roles = around.catalog.services.get(traits.service) ?? [];
    const { random } = traits;
    this.disk = new Disk(around.scheduler, {
      writeMs: () => random.unit() * 0.4,
      syncMs: () => random.unit() * 0.6 + this.#extraSyncMs,
      refuses: () => around.plan.atCommit(this.name) !== null,
    });
  }

  get gate(): Gate | null {
    return this.#life?.gate ?? null;
  }

  get host(): Host | null {
    return this.#life?.host ?? null;
  }

  /** What the present life calls itself. */
  get process(): string {
    return `${this.#traits.process ?? this.name}#${this.lives}`;
  }

  get reads(): readonly string[] {
    return [...this.roles.map(({ name }) => name), ...(this.#hasIngress ? [ingress.name, doors.name] : [])];
  }

  /** What the present life reads at the moment. */
  get filtersRead(): readonly string[] {
    return this.#life?.bus.filters ?? [];
  }

  /** The present life has said that the log has lost something. */
  get foundLogLost(): boolean {
    return this.#life?.foundLogLost ?? false;
  }

  /**
   * The present life has lost partitions or given some away; what the log had not taken of them in time was dropped. To be
   * asked again and again: a partition that is given away is said to be later than it is dropped.
   */
  hasLostPartitions(): boolean {
    const life = this.#life;
    if (!life) return false;
    life.mostHad = Math.max(life.mostHad, this.has);
    life.lostPartitions ||= this.has < life.mostHad;
    return life.lostPartitions;
  }

  /** How many partitions it has, as it believes itself. */
  get has(): number {
    return this.host?.stats().partitions[this.roles[0]?.name ?? ''] ?? 0;
  }

  get isStandby(): boolean {
    return this.#traits.isStandby ?? false;
  }

  /** It was silent, and takes nothing from another host for a while. */
  get standsBy(): boolean {
    return !this.isStandby && (this.#life?.bus.tellsStandby ?? false);
  }

  /** When the present life heard of that host for the last time. */
  heardMs(host: string): number | null {
    return this.#life?.bus.heardMs(host) ?? null;
  }

  get isStopping(): boolean {
    return this.#stopping !== null && this.#stopping === this.#life;
  }

  get recordsAheadMax(): number {
    return this.#traits.limits.recordsAheadMax ?? defaultLimits.recordsAheadMax;
  }

  get #hasIngress(): boolean {
    return this.roles.some(({ name }) => name === ingress.role);
  }

  /** Starts it, now or when the broker answers. */
  start(): void {
    if (this.#life || this.#retired) return;
    this.#starting = false;
    if (!this.#around.log.up) {
      this.#startLater(RESTART_MS);
      return;
    }
    this.lives += 1;
    this.#note(`life ${this.lives} begins`);
    const life = this.#bear();
    this.#life = life;
    this.#boot(life).catch((error: unknown) => life.gate.pass(() => this.#failed(life, error)));
  }

  /** The process is gone at once; what the network and the disk already had stays there. */
  kill(how: 'kill' | 'power', downMs: number): void {
    this.#end(how);
    this.#startLater(downMs);
  }

  /** A clean stop, as a supervisor asks for. */
  stop(downMs: number): void {
    const life = this.#life;
    if (!life?.host) {
      this.kill('kill', downMs);
      return;
    }
    // As a process of the mesh does, which is told once.
    if (this.isStopping) return;
    this.#note('stopping');
    this.#stopping = life;
    this.readySinceMs = null;
    let over = false;
    const ended = (inOrder: boolean): void => {
      if (over || this.#life !== life) return;
      over = true;
      this.#around.report.count('stopped');
      if (inOrder) this.#around.onStopped(this);
      this.#end('kill');
      this.#startLater(downMs);
    };
    life.host
      .stop()
      .then(() => life.bus.close())
      .then(() => life.gate.pass(() => ended(true)))
      .catch((error: unknown) => life.gate.pass(() => this.#uncaught(error)));
    const { plan, report, scheduler } = this.#around;
    /** Trouble takes time that a stop is not to blame for: it is counted from its end then. */
    const overdue = (inTrouble: boolean): void => {
      if (over || this.#life !== life) return;
      if (inTrouble && plan.healed) {
        scheduler.after(STOP_LIMIT_MS, () => overdue(false));
        return;
      }
      report.count('stop took too long');
      if (!inTrouble) report.violation('stop', `${this.name} does not stop`);
      ended(false);
    };
    const inTrouble = !plan.healed;
    scheduler.after(STOP_LIMIT_MS, () => overdue(inTrouble));
  }

  /** Another process with what this one has, by mistake of a person. */
  twin({ name, process, ledger }: { name: string; process: string; ledger: DiskCopy | null }): HostProcess {
    const random = this.#traits.random.fork(process);
    const twin = new HostProcess({ ...this.#traits, name, process, random, isTwin: true }, this.#around);
    if (ledger) twin.disk.restore(ledger);
    return twin;
  }

  /** It is gone at once, for good. */
  end(): void {
    this.retire();
    this.#end('kill');
  }

  /** Ends it for good. */
  retire(): void {
    this.#retired = true;
  }

  get down(): boolean {
    return this.#life === null;
  }

  pause(forMs: number): void {
    this.#life?.gate.close(forMs);
  }

  /** This life and those after it. */
  starve(stepMs: number): void {
    this.#stepMs = stepMs;
    this.#life?.gate.starve(stepMs);
  }

  cut(forMs: number): void {
    const life = this.#life;
    life?.inner.disconnect();
    this.#around.scheduler.after(forMs, () => life?.inner.reconnect());
  }

  hang(forMs: number): void {
    this.#life?.bus.hang(forMs);
  }

  /** Ends all trouble of this process' network, disk and clock. */
  heal(): void {
    this.starve(0);
    this.#life?.gate.open();
    this.#life?.bus.heal();
    this.#life?.inner.reconnect();
    this.#extraSyncMs = 0;
    this.#clockOffsetMs = 0;
  }

  /** What comes by the doors is as slow as what comes beside them. */
  slowLane(lane: string, forMs: number): void {
    this.#life?.bus.slow(lane === 'ingress' ? 'mesh.tasks' : `mesh.in.${lane}.`, forMs);
  }

  slowDisk(extraMs: number): void {
    this.#extraSyncMs = extraMs;
  }

  moveClock(byMs: number): void {
    this.#clockOffsetMs += byMs;
  }

  #bear(): Life {
    const { scheduler, plan, log, report } = this.#around;
    const uncaught = (error: unknown): void => this.#uncaught(error);
    const gate = new Gate(scheduler, uncaught);
    gate.starve(this.#stepMs);
    const inner = createMemoryBus(log, { now: () => scheduler.nowMs, leaseTtlMs: this.#traits.leaseTtlMs });
    const bus = createSimulatedBus({
      inner,
      gate,
      scheduler,
      onError: uncaught,
      afterwards: this.#around.afterwards,
      onSend: (request, connection) => this.#around.onSend(this, request, connection),
      onPublish: (request) => {
        if (report.trace) this.#note(`publish ${request.subject} ${request.msgId} ${typeNameIn(request.body)}`);
        return plan.atPublish(this.name);
      },
    });
    return { gate, inner, bus, host: null, foundLogLost: false, lostPartitions: false, mostHad: 0 };
  }

  async #boot(life: Life): Promise<void> {
    const { plan, history, scheduler } = this.#around;
    await life.bus.ensureTopology();
    history.attach();
    const ledger = this.disk.open();
    this.#around.report.count(`ledger ${ledger.condition.kind}`);
    const roles = this.#rolesOf(life);
    life.host = createHost({
      name: this.name,
      service: this.service,
      process: this.process,
      roles,
      ...(this.#hasIngress ? { ingress: [ingress, doors] } : {}),
      bus: life.bus,
      ledger: gated(ledger, life.gate, (batch) => {
        history.noteMade(batch.records, scheduler.elapsedMs);
        this.#around.onCommit(this, batch);
      }),
      clock: clockOf(life.gate, scheduler, () => this.#clockOffsetMs),
      log: logOf(life.gate, this.#around.report, this.name, (message) => {
        life.foundLogLost ||= /^the log (is a new one|has lost its end)/.test(message);
        life.lostPartitions ||= /^(another host (has taken|writes)|a partition was given)/.test(message);
      }),
      commitMode: this.#traits.commitMode,
      limits: this.#traits.limits,
      standby: this.isStandby,
      admission: () => (this.#isNearCap() ? 'memory 230 of 256 MiB' : null),
      at: (point) => {
        if (life.gate.dead) return;
        if (point === 'event-read') this.#around.onRead(this);
        if (point === 'event-read' && this.isStopping)
          this.#around.report.violation('S3', `${this.name} stops, and reads on`);
        const fault = plan.atPoint(this.name, point);
        if (fault?.kind === 'crash') this.kill(fault.how, fault.downMs);
        if (fault?.kind === 'stall') this.pause(fault.ms);
        if (fault?.kind === 'broker-cut') {
          if (fault.stallMs !== undefined) this.pause(fault.stallMs);
          this.#around.onBrokerCut(fault);
        }
      },
      onFatal: (error) => life.gate.pass(() => this.#failed(life, error)),
    });
    await life.host.start();
    this.readySinceMs = scheduler.nowMs;
    this.#note('ready');
  }

  /** A second and a half of each six: shorter than an effect is refused before it fails. */
  #isNearCap(): boolean {
    return this.#traits.narrow && this.#around.scheduler.nowMs % 6000 < 1500;
  }

  /** It does not know the newest version of each machine yet, and cannot go on with what began on one elsewhere (S11). */
  get isOld(): boolean {
    return this.#traits.grows && this.lives === 1;
  }

  /** The roles as they are found, with effects whose work is done in the simulated world. */
  #rolesOf({ gate }: Life): Role[] {
    const { world, report } = this.#around;
    const isOld = this.isOld;
    if (this.#traits.grows && !isOld) report.count('a life with newer machines');
    return this.roles.map((role) => ({
      ...role,
      versions: isOld ? role.versions.slice(0, -1) : role.versions,
      effects: Object.fromEntries(
        Object.entries(role.effects).map(([src, handler]) => {
          const limits = this.#traits.narrow ? { queueMax: 1, concurrencyMax: 1 } : {};
          return [src, { ...world.simulate(role.name, src, handler, gate), ...limits }];
        }),
      ),
    }));
  }

  /** The process gave up by itself: allowed only for what nobody can go on from. */
  #failed(life: Life, error: unknown): void {
    if (this.#life !== life) return;
    const { plan, report } = this.#around;
    const message = error instanceof Error ? error.message : String(error);
    const exitCode = error instanceof FatalError ? error.exitCode : error instanceof BusError ? 3 : 1;
    const brokerLost = plan.logWentBack;
    const unreachable = ['broker-restart', 'cut', 'publish'].some((kind) => plan.fired.has(kind as 'cut'));
    const allowed =
      (exitCode === 3 && (brokerLost || (unreachable && !message.includes('can no longer be read')))) ||
      (exitCode === 2 && plan.fired.has('disk-refuses')) ||
      (exitCode === 2 && this.isOld && /cannot (?:go on with|be applied by) this release|upgrade/.test(message)) ||
      (exitCode === 2 && plan.fired.has('twin') && message.startsWith('another process ('));
    report.count(`ended by itself: ${message.replaceAll(/[\d:].*$/g, '').trim()}`);
    this.#note(`ended by itself: ${message}`);
    if (!allowed) report.violation('host', `${this.name} ended by itself: ${trail(error)}`);
    this.#end('kill');
    if (this.#traits.isTwin && exitCode === 2) this.retire();
    this.#startLater(RESTART_MS);
  }

  #uncaught(error: unknown): void {
    this.#around.report.violation('host', `${this.name}: uncaught ${trail(error)}`);
  }

  #end(how: 'kill' | 'power'): void {
    const life = this.#life;
    if (!life) return;
    this.#note(`life ${this.lives} ends (${how})`);
    life.gate.kill();
    this.#life = null;
    this.readySinceMs = null;
    this.disk.crash(how);
    const drop = (): void => {
      life.inner.disconnect();
      void life.inner.close();
    };
    // What was written to the socket may or may not be on its way.
    if (this.#traits.random.chance(0.5)) drop();
    else this.#around.scheduler.after(3, drop);
  }

  #startLater(ms: number): void {
    if (this.#starting || this.#life) return;
    this.#starting = true;
    this.#around.scheduler.after(ms, () => this.start());
  }

  #note(what: string): void {
    this.#around.report.note(this.name, what);
  }
}

/** What the disk answers passes the gate of the process. */
function gated(ledger: Ledger, gate: Gate, onCommit: (batch: LedgerBatch) => void): Ledger {
  return {
    ...ledger,
    commit(batch) {
      onCommit(batch);
      return gate.call(() => ledger.commit(batch));
    },
    setAside: (partition, fromN) => gate.call(() => ledger.setAside(partition, fromN)),
    prune: (beforeSeq) => gate.call(() => ledger.prune(beforeSeq)),
  };
}

/** What is read for a lane: of a role, or of what comes from outside. */
export function filterOf(lane: string): string {
  return [ingress, doors].find(({ name }) => name === lane)?.filter ?? inboxFilter(lane);
}
