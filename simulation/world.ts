/**
 * The world outside the mesh: where effects have their consequences. Owns: what was done, how often, under which key,
 * and what was answered. Does not own: whether the mesh should have asked; the promise about deeds (S6) is checked
 * where they happen.
 *
 * A deed under way happens although the process that asked for it dies: the request has left.
 */

import { EffectError } from '../actors/runtime/errors.ts';
import type { EffectContext, EffectHandler, Fence } from '../actors/runtime/role.ts';
import type { Catalog } from './catalog.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { EffectTrouble } from './faults.ts';
import type { Gate } from './gate.ts';
import type { Random } from './random.ts';
import type { Report } from './report.ts';
import type { Scheduler } from './scheduler.ts';

/** What was asked for under one key. */
export interface Dealing {
  readonly key: string;
  /** Of the last run: after stores were put back, something else may be wanted under the same key. */
  fence: Fence;
  /** Of the process that ran it last. */
  gate: Gate;
  runs: number;
  /** Deeds that may not be repeated, each by the request that it was done for. */
  readonly onceDeeds: string[];
  /** Of the last run: after stores were put back, the same key may name what another request asks for. */
  request: string;
  /** What the deed that knows its key has brought about. */
  keyed?: { readonly output: unknown };
  /** JSON of every output that was handed back. */
  readonly answers: Set<string>;
  /** Codes of the errors that were handed back. */
  readonly errors: Set<string>;
}

interface Errand {
  readonly role: string;
  readonly src: string;
  readonly fence: Fence;
  readonly input: unknown;
  readonly context: EffectContext;
  readonly gate: Gate;
  /** What it is done for. */
  readonly request: string;
}

interface Course {
  readonly trouble: EffectTrouble | null;
  readonly deedAfterMs: number;
  readonly answerAfterMs: number;
}

export interface WorldOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly plan: FaultPlan;
  readonly report: Report;
  readonly catalog: Catalog;
  /** Asked when an effect that leaves a trace begins: why it may not yet, or null. */
  readonly mayBegin: (effect: { key: string; fence: 'keyed' | 'once'; gate: Gate }) => string | null;
  /** The request that an effect belongs to which may not be repeated, by its id. */
  readonly requestOf: (effect: { key: string; gate: Gate }) => string;
  /** True when no store tells any more that the effect had begun. */
  readonly mayRepeat: (key: string) => boolean;
  /** A deed that may not be repeated was done by the process behind this gate. */
  readonly onDeed: (gate: Gate) => void;
}

const HEARTBEAT_MS = 700;

export class World {
  readonly dealings = new Map<string, Dealing>();
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** The handler with its metadata as it is, and its work done here. */
  simulate(role: string, src: string, handler: EffectHandler, gate: Gate): EffectHandler {
    return {
      ...handler,
      run: (input, context) => {
        const fence = typeof handler.fence === 'function' ? handler.fence(input) : handler.fence;
        const request = fence === 'once' ? this.#options.requestOf({ key: context.key, gate }) : '';
        return this.#run({ role, src, fence, input, context, gate, request });
      },
    };
  }

  #dealing(key: string, fence: Fence, gate: Gate): Dealing {
    const known = this.dealings.get(key);
    if (known) return known;
    const made = { onceDeeds: [], request: '', answers: new Set<string>(), errors: new Set<string>() };
    const dealing: Dealing = { key, fence, gate, runs: 0, ...made };
    this.dealings.set(key, dealing);
    return dealing;
  }

  #course(dice: Random, fence: Fence): Course {
    const fault = this.#options.plan.atEffect(fence);
    const slowMs = fault?.how === 'slow' || fault?.how === 'deaf' ? fault.ms : 0;
    return {
      trouble: fault?.how ?? null,
      deedAfterMs: dice.skewed(1, 60) + slowMs * dice.unit(),
      answerAfterMs: dice.skewed(1, 40) + slowMs * dice.unit(),
    };
  }

  #run(errand: Errand): Promise<unknown> {
    const { random, report } = this.#options;
    const { context, fence, role, src } = errand;
    if (errand.gate.dead) return new Promise(() => undefined);
    const dealing = this.#dealing(context.key, fence, errand.gate);
    dealing.runs += 1;
    dealing.fence = fence;
    dealing.gate = errand.gate;
    dealing.request = errand.request;
    report.count(`effect ${role}/${src}`);
    report.note('world', `${role}/${src} run ${dealing.runs} of ${context.key} (${fence})`);
    if (fence !== 'pure' && !this.#options.plan.lostForGood) {
      const reason = this.#options.mayBegin({ key: context.key, fence, gate: errand.gate });
      if (reason !== null) report.violation('S6', `${context.key} begins, but ${reason}`);
    }
    const dice = random.fork(`${context.key}/${dealing.runs}`);
    const output = this.#outcome(errand, dealing, dice);
    return this.#happen(errand, dealing, this.#course(dice, fence), output);
  }

  /** What it would return: a keyed effect what it returned before. */
  #outcome(errand: Errand, dealing: Dealing, dice: Random): { value: unknown } | { error: Error } {
    const { catalog } = this.#options;
    if (errand.fence === 'keyed' && dealing.keyed) return { value: dealing.keyed.output };
    const make = catalog.simulated.get(errand.role)?.[errand.src];
    if (!make) return { error: new EffectError('not_simulated', `${errand.role}/${errand.src} has no stand-in`) };
    try {
      return { value: make(errand.input, dice, catalog) };
    } catch (error) {
      if (error instanceof EffectError) return { error };
      throw error;
    }
  }

  #happen(
    errand: Errand,
    dealing: Dealing,
    course: Course,
    outcome: { value: unknown } | { error: Error },
  ): Promise<unknown> {
    const { scheduler } = this.#options;
    const { context, gate } = errand;
    const { trouble } = course;
    return new Promise((resolve, reject) => {
      let over = false;
      const answer = (give: () => void): void =>
        gate.pass(() => {
          if (over) return;
          over = true;
          give();
        });
      const fail = (error: Error): void => {
        dealing.errors.add(error instanceof EffectError ? error.code : 'unexpected');
        answer(() => reject(error));
      };
      const beat = (): void => {
        if (over || gate.dead || trouble === 'hangs') return;
        context.heartbeat('working');
        scheduler.after(HEARTBEAT_MS, () => gate.pass(beat));
      };
      scheduler.after(HEARTBEAT_MS, () => gate.pass(beat));
      if (trouble !== 'deaf') {
        context.signal.addEventListener('abort', () => fail(context.signal.reason as Error), { once: true });
      }
      scheduler.after(course.deedAfterMs, () => {
        if (over) return;
        const refused = refusal(trouble) ?? ('error' in outcome ? outcome.error : null);
        if (refused) return fail(refused);
        const output = this.#deed(errand, dealing, 'value' in outcome ? outcome.value : null);
        if (trouble === 'hangs') return;
        scheduler.after(course.answerAfterMs, () => {
          if (trouble === 'fails-after') return fail(new Error('the connection broke'));
          dealing.answers.add(JSON.stringify(output));
          answer(() => resolve(output));
        });
      });
    });
  }

  /** Returns what came of it: of a keyed deed what came of the first one. */
  #deed({ fence, gate, request }: Errand, dealing: Dealing, output: unknown): unknown {
    if (fence === 'keyed') {
      dealing.keyed ??= { output };
      return dealing.keyed.output;
    }
    if (fence === 'pure') return output;
    dealing.onceDeeds.push(request);
    const { plan, report, mayRepeat, onDeed } = this.#options;
    onDeed(gate);
    const times = timesDone(dealing, request);
    if (times > 1 && !plan.lostForGood && !mayRepeat(dealing.key))
      report.violation('S6', `${dealing.key} may not be repeated, and was done ${times} times`);
    return output;
  }
}

/** How often what may not be repeated was done for a request. */
export function timesDone({ onceDeeds }: Dealing, request: string): number {
  return onceDeeds.filter((one) => one === request).length;
}

/** A failure that is certain to have come before the deed. */
function refusal(trouble: EffectTrouble | null): EffectError | null {
  if (trouble === 'retryable') return new EffectError('busy', 'try again', { retryable: true });
  if (trouble === 'terminal') return new EffectError('refused', 'will not');
  return null;
}
