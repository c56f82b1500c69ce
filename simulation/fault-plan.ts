/**
 * The faults of one run at their places. Owns: counting passings, and saying when a fault is due. Does not own: what a
 * fault does. Once healed, nothing more goes wrong.
 */
import type { CrashPoint } from '../actors/runtime/crash-points.ts';
import type { Fence } from '../actors/runtime/role.ts';
import { type Fault, pointOf } from './faults.ts';
import type { Report } from './report.ts';

type FaultOf<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

export class FaultPlan {
  readonly timed: readonly (Fault & { atMs: number })[];
  readonly #report: Report;
  readonly #counted = new Map<string, Fault>();
  readonly #passings = new Map<string, number>();
  #healed = false;
  #logWentBack = false;
  /** Kinds that have happened. */
  readonly fired = new Set<Fault['kind']>();

  constructor(faults: readonly Fault[], report: Report) {
    this.#report = report;
    this.timed = faults.filter((fault): fault is Fault & { atMs: number } => 'atMs' in fault);
    for (const fault of faults) {
      if ('nth' in fault) this.#counted.set(`${placeOf(fault)}#${fault.nth}`, fault);
    }
  }

  get healed(): boolean {
    return this.#healed;
  }

  /**
   * The log has dropped what nobody had read: nothing is promised any more but that this is said (S10). It may have
   * been that an unrepeatable effect had begun, or that a timer was due.
   */
  get lostForGood(): boolean {
    return this.fired.has('retention');
  }

  /** The log has lost something that it had. */
  get logWentBack(): boolean {
    return this.#logWentBack;
  }

  heal(): void {
    this.#healed = true;
  }

  /** Notes that a fault takes effect. */
  fire(fault: Fault): void {
    this.fired.add(fault.kind);
    this.#logWentBack ||= ['broker-truncated', 'broker-wiped', 'broker-cut'].includes(fault.kind);
    this.#logWentBack ||= (fault.kind === 'rollback' || fault.kind === 'rollback-before-word') && fault.log;
    this.#report.count(pointOf(fault));
  }

  atPoint(host: string, point: CrashPoint): FaultOf<'crash' | 'stall' | 'broker-cut'> | null {
    this.#report.count(`passed ${point}`);
    return this.#pass(`point/${host}/${point}`) as FaultOf<'crash' | 'stall' | 'broker-cut'> | null;
  }

  atPublish(host: string): FaultOf<'publish'> | null {
    return this.#pass(`publish/${host}`) as FaultOf<'publish'> | null;
  }

  atCommit(host: string): FaultOf<'disk-refuses'> | null {
    return this.#pass(`commit/${host}`) as FaultOf<'disk-refuses'> | null;
  }

  atEffect(fence: Fence): FaultOf<'effect'> | null {
    const aimed = fence === 'once' ? this.#pass('once') : null;
    return (this.#pass('effect') ?? aimed) as FaultOf<'effect'> | null;
  }

  atDeed(): FaultOf<'deed'> | null {
    return this.#pass('deed') as FaultOf<'deed'> | null;
  }

  atAnnouncement(): FaultOf<'announcement'> | null {
    return this.#pass('announcement') as FaultOf<'announcement'> | null;
  }

  /** Fires only when the copy is put back. */
  beforeWord(): FaultOf<'rollback-before-word'> | null {
    return this.#pass('rollback-before-word', false) as FaultOf<'rollback-before-word'> | null;
  }

  #pass(place: string, fires = true): Fault | null {
    if (this.#healed || this.#counted.size === 0) return null;
    const passing = (this.#passings.get(place) ?? 0) + 1;
    this.#passings.set(place, passing);
    const fault = this.#counted.get(`${place}#${passing}`);
    if (!fault) return null;
    if (fires) this.fire(fault);
    return fault;
  }
}

function placeOf(fault: Extract<Fault, { nth: number }>): string {
  switch (fault.kind) {
    case 'crash':
    case 'stall':
    case 'broker-cut':
      return `point/${fault.host}/${fault.point}`;
    case 'publish':
      return `publish/${fault.host}`;
    case 'disk-refuses':
      return `commit/${fault.host}`;
    case 'effect':
      return fault.once ? 'once' : 'effect';
    case 'deed':
    case 'announcement':
    case 'rollback-before-word':
      return fault.kind;
    default:
      throw new Error(`not counted: ${JSON.stringify(fault satisfies never)}`);
  }
}
