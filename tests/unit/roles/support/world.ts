/**
 * All roles together over a log in memory, without a host: what a task does when nothing fails. Owns: handing each
 * stored event to its actor, and answering effects from a table. Does not own: storage, time, or the roles.
 */

import { effectFinished, type Outcome } from '../../../../actors/runtime/effects/settlement.ts';
import { defaultLimits } from '../../../../actors/runtime/limits.ts';
import type { RoleDefinition } from '../../../../actors/runtime/role.ts';
import type { Actor, EffectRow, Output } from '../../../../actors/runtime/tasks/actor.ts';
import { step } from '../../../../actors/runtime/tasks/step.ts';
import type { StoredMessage } from '../../../../bus/port.ts';
import { ingress } from '../../../../ingress/ingress.ts';
import { type MeshEvent, nameOf, validateEvent } from '../../../../schemas/events/envelope.ts';
import { loggedAt, START_MS } from '../../runtime/support/events.ts';

/** Log time between two stored events. */
const PACE_MS = 20;
/** More events than this and a task is going round for ever. */
const EVENTS_MAX = 2000;

export type Effects = (role: string, row: EffectRow) => Outcome;

type Stored = Pick<Output, 'to' | 'event'>;

export class World {
  /** Everything stored so far, in order. */
  readonly log: Stored[] = [];
  readonly refused: { code: string; reason: string }[] = [];
  readonly #actors = new Map<string, { role: RoleDefinition; actor: Actor | null }>();
  readonly #effects: Effects;
  readonly #waiting: Stored[] = [];
  #pausedMs = 0;

  constructor(roles: readonly RoleDefinition[], effects: Effects) {
    for (const role of roles) this.#actors.set(role.name, { role, actor: null });
    this.#effects = effects;
  }

  /** What a caller publishes on `mesh.tasks`. */
  submit(text: string): void {
    const message: StoredMessage = {
      ...{ seq: this.log.length + 1, subject: 'mesh.tasks', atMs: this.#nowMs, data: Buffer.from(text) },
      header: () => '',
      headers: () => [],
    };
    const translated = ingress.translate(message, 'world');
    if (!translated.ok) throw new Error(translated.rejection.reason);
    this.#waiting.push({ to: ingress.role, event: translated.value });
  }

  /** Delivers until nothing is left. @param pick which of the waiting events comes next */
  run(pick: (waiting: number) => number = () => 0): this {
    while (this.#waiting.length > 0) {
      if (this.log.length > EVENTS_MAX) throw new Error('the task does not end');
      const [next] = this.#waiting.splice(pick(this.#waiting.length), 1);
      if (next) this.store(next);
    }
    return this;
  }

  /** Nothing is stored for this long. */
  pause(ms: number): void {
    this.#pausedMs += ms;
  }

  /** Stores one event and hands it to its actor. */
  store(stored: Stored): void {
    const valid = validateEvent(stored.event);
    if (!valid.ok) throw new Error(`${stored.event.type}: ${valid.rejection.reason}`);
    this.log.push(stored);
    const told = this.#actors.get(stored.to);
    if (!told) return;
    const result = step(told.role, told.actor, loggedAt(stored.event, this.#nowMs), defaultLimits);
    if (result.kind === 'rejected') this.refused.push(result);
    if (result.kind !== 'applied') return;
    told.actor = result.actor;
    this.#waiting.push(...result.outputs);
    for (const row of result.startedEffects) {
      const outcome = this.#effects(told.role.name, row);
      const event = effectFinished(result.actor, row, outcome, this.#nowMs);
      this.#waiting.push({ to: stored.to, event });
    }
  }

  actor(role: string): Actor {
    const actor = this.#actors.get(role)?.actor;
    if (!actor) throw new Error(`${role} has no actor`);
    return actor;
  }

  /** The events of a name, in the order they were stored. */
  all(name: string): MeshEvent[] {
    return this.log.map(({ event }) => event).filter((event) => nameOf(event.type) === name);
  }

  get #nowMs(): number {
    return START_MS + this.log.length * PACE_MS + this.#pausedMs;
  }
}
