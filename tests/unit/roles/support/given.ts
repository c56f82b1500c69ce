/**
 * Given, when, then for one role's machine. Owns: applying events to an actor through `step`, and saying what is
 * expected. Does not own: any role.
 *
 * Every event a machine sends is checked on the way: it must fit its schema (S9). What is told to the newest machine is told
 * to the one before it as well, on which tasks in flight may still be: it says as much, to the same, in the same order.
 */
import { expect } from 'vitest';
import {
  effectFinished,
  effectStarted,
  effectWaiting,
  type Outcome,
  timerFired,
} from '../../../../actors/runtime/effects/settlement.ts';
import { defaultLimits } from '../../../../actors/runtime/limits.ts';
import { newestFor, RELEASE, type RoleDefinition, WATCHERS } from '../../../../actors/runtime/role.ts';
import type { Actor, EffectRow, Output, StepResult, TimerRow } from '../../../../actors/runtime/tasks/actor.ts';
import { step } from '../../../../actors/runtime/tasks/step.ts';
import { type EventName, type MeshEvent, nameOf, validateEvent } from '../../../../schemas/events/envelope.ts';
import type { DataByName, ErrorInfo } from '../../../../schemas/events/generated.ts';
import { type EventOptions, eventOf, idOf, loggedAt, START_MS } from '../../runtime/support/events.ts';
import { watch } from './transitions.ts';

/** Milliseconds of log time between two events that do not say. */
const PACE_MS = 1000;

/** Something that happens, made from what is: settlements need the rows they settle. */
export type Moment = (story: Story) => { event: MeshEvent; atMs?: number };

export interface Expectation {
  /** The machine's state; nested ones as `working.hop`. */
  readonly state?: string;
  /** What was sent since `when`, in order: `hop.requested > coder`. */
  readonly sent?: readonly string[];
  /** Ids of the effects wanted now. */
  readonly effects?: readonly string[];
  /** Names of the delays whose timers are armed now. */
  readonly timers?: readonly string[];
}

export class Story {
  readonly role: RoleDefinition;
  /** The generation of machines that its events begin a task on. */
  readonly release: number;
  actor: Actor | null = null;
  /** The same task on machines that newer ones of this release have replaced, by their version. */
  readonly #before = new Map<number, Actor | null>();
  atMs = START_MS;
  /** Of the last `when`. */
  outputs: Output[] = [];
  results: StepResult[] = [];
  /** Of the whole story. */
  readonly sentEver: Output[] = [];

  constructor(role: RoleDefinition, release: number) {
    this.role = role;
    this.release = release;
    for (const { machine } of role.versions) watch(machine);
    const replaced = role.versions.slice(0, -1).filter(({ since }) => since >= RELEASE);
    if (release >= RELEASE) for (const { since } of replaced) this.#before.set(since, null);
  }

  when(...moments: readonly Moment[]): this {
    this.outputs = [];
    this.results = [];
    for (const moment of moments) {
      const { event, atMs } = moment(this);
      this.atMs = atMs ?? this.atMs + PACE_MS;
      this.#apply(event);
    }
    return this;
  }

  thenExpect(expected: Expectation): this {
    const { actor } = this;
    if (expected.sent) expect(this.outputs.map(labelOf)).toEqual(expected.sent);
    if (expected.state !== undefined) expect(stateOf(actor)).toBe(expected.state);
    if (expected.effects) expect([...(actor?.effects.keys() ?? [])]).toEqual(expected.effects);
    if (expected.timers) {
      const ids = [...(actor?.timers.keys() ?? [])];
      expect(ids.map((id) => expected.timers?.find((part) => id.startsWith(`xstate.after.${part}.`)) ?? id)).toEqual(
        expected.timers,
      );
    }
    return this;
  }

  /** The data of the last event of a name that was sent since `when`. */
  sent<N extends EventName>(name: N): DataByName[N] {
    return this.envelope(name).data as DataByName[N];
  }

  envelope(name: EventName): MeshEvent {
    const found = this.outputs.findLast(({ event }) => nameOf(event.type) === name);
    if (!found) throw new Error(`no ${name} was sent`);
    return found.event;
  }

  effect(id: string): EffectRow {
    const row = this.actor?.effects.get(id);
    if (!row) throw new Error(`no effect ${id}; there are ${[...(this.actor?.effects.keys() ?? [])].join(', ')}`);
    return row;
  }

  /** The timer of a named delay. */
  timer(delay: string): TimerRow {
    const row = [...(this.actor?.timers.values() ?? [])].find(({ timer }) =>
      timer.startsWith(`xstate.after.${delay}.`),
    );
    if (!row) throw new Error(`no timer ${delay}; there are ${[...(this.actor?.timers.keys() ?? [])].join(', ')}`);
    return row;
  }

  /** How long the partition has been up. */
  get upMs(): number {
    return this.atMs - START_MS;
  }

  get living(): Actor {
    if (!this.actor) throw new Error('nothing has begun');
    return this.actor;
  }

  #apply(event: MeshEvent): void {
    const result = step(this.role, this.actor, loggedAt(event, this.atMs), defaultLimits);
    this.results.push(result);
    for (const [since, actor] of this.#before) this.#applyBefore(event, since, actor, result);
    if (result.kind !== 'applied') return;
    this.actor = result.actor;
    for (const output of result.outputs) {
      expect(validateEvent(output.event)).toMatchObject({ ok: true });
      this.outputs.push(output);
      this.sentEver.push(output);
    }
  }

  #applyBefore(event: MeshEvent, since: number, actor: Actor | null, newest: StepResult): void {
    const logged = { ...loggedAt(event, this.atMs), began: { [this.role.name]: since } };
    const result = step(this.role, actor, logged, defaultLimits);
    expect(result.kind).toBe(newest.kind);
    if (result.kind !== 'applied' || newest.kind !== 'applied') return;
    this.#before.set(since, result.actor);
    expect(result.outputs.map(labelOf)).toEqual(newest.outputs.map(labelOf));
  }
}

/** What and to whom: a fact is for watchers, whomever its envelope names. */
function labelOf({ event, to }: Output): string {
  return `${nameOf(event.type)} > ${to === WATCHERS ? WATCHERS : event.recipientrole}`;
}

function stateOf(actor: Actor | null): string {
  const parts: string[] = [];
  for (let value: unknown = actor?.snapshot.value; value !== undefined; ) {
    if (typeof value === 'string') return [...parts, value].join('.');
    const [key, inner] = Object.entries(value as Record<string, unknown>)[0] ?? [];
    parts.push(key ?? '');
    value = inner;
  }
  return 'none';
}

export function given(role: RoleDefinition, release = 1): Story {
  if (!newestFor(role, release)) throw new Error(`${role.name} has no machine`);
  return new Story(role, release);
}

let serial = 0;

/** An event from another actor, each a new one unless it is named. */
export function received<N extends EventName>(name: N, data: DataByName[N], options: EventOptions = {}): Moment {
  return (story) => {
    serial += 1;
    const { role, release } = story;
    return { event: eventOf(name, data, { id: idOf(`${name}/${serial}`), to: role.name, release, ...options }) };
  };
}

export function done(effect: string, output: unknown): Moment {
  return finished(effect, { status: 'done', output });
}

export function failed(effect: string, error: Partial<ErrorInfo> = {}): Moment {
  return finished(effect, {
    status: 'failed',
    error: { code: 'broken', message: 'it broke', retryable: false, ...error },
  });
}

export function unknown(effect: string): Moment {
  return finished(effect, {
    status: 'unknown',
    error: { code: 'outcome_unknown', message: 'it was cut off', retryable: false },
  });
}

function finished(effect: string, outcome: Outcome): Moment {
  return (story) => ({ event: effectFinished(story.living, story.effect(effect), outcome, story.atMs) });
}

/** The log knows that an effect that may not be repeated has begun. */
export function begun(effect: string): Moment {
  return (story) => ({ event: effectStarted(story.living, story.effect(effect), story.atMs) });
}

/** The effect waits with so many ahead, or, by null, its turn has come. */
export function waits(effect: string, ahead: number | null): Moment {
  return (story) => ({ event: effectWaiting(story.living, story.effect(effect), ahead, story.atMs) });
}

/** The timer of a named delay reaches its deadline, and the log's time with it. */
export function elapsed(delay: string): Moment {
  return (story) => {
    const row = story.timer(delay);
    const atMs = START_MS + row.dueUpMs;
    return { event: timerFired(story.living, row, atMs), atMs };
  };
}
