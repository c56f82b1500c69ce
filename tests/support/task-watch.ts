/**
 * What the log says about tasks, as somebody outside reads it. Owns: following facts and quarantine, and waiting for
 * them. Does not own: the processes that write them.
 */

import type { Bus, StoredMessage } from '../../bus/port.ts';
import { BusError } from '../../bus/port.ts';
import { type EventName, type MeshEvent, nameOf } from '../../schemas/events/envelope.ts';
import { headerValue } from '../../schemas/events/event-content.ts';
import type { Result } from '../../schemas/events/generated.ts';
import { FACT_FILTER } from '../../schemas/events/subjects.ts';
import { Changes } from './changes.ts';

/** Long enough for a task that is crashed many times on a busy machine. */
const TASK_LIMIT_MS = 60_000;
const TERMINAL: ReadonlySet<string> = new Set<EventName>(['task.completed', 'task.failed', 'task.cancelled']);

export interface Fact {
  readonly name: EventName;
  readonly event: MeshEvent;
  readonly seq: number;
  /** In its message. */
  readonly index: number;
}

export interface Quarantined {
  /** The role that refused it. */
  readonly role: string;
  readonly code: string;
  readonly reason: string;
  readonly originSeq: number;
  readonly originSubject: string;
  readonly truncated: boolean;
  readonly data: Uint8Array;
}

export interface Ended {
  readonly name: EventName;
  readonly result: Result;
}

export class TaskWatch {
  readonly #changes = new Changes();
  #facts: Fact[] = [];
  readonly #factsOf = new Map<string, Fact[]>();
  #quarantined: Quarantined[] = [];
  readonly #sendings: { readonly id: string; readonly task: string }[] = [];

  /** Begins to follow; to be called again when the log was made anew. */
  async follow(bus: Bus): Promise<void> {
    this.#facts = [];
    this.#factsOf.clear();
    this.#quarantined = [];
    bus.subscribeVolatile(FACT_FILTER, (_subject, data) => {
      for (const { id, correlationid } of eventsIn(data)) this.#sendings.push({ id, task: correlationid });
    });
    // The end of a log that a test wipes is no news to its reader.
    const onError = (error: BusError): void => {
      if (!(error instanceof BusError)) throw error;
    };
    await Promise.all([
      bus.read({ filter: FACT_FILTER, fromSeq: 1, onMessage: (message) => this.#stored(message), onError }),
      bus.read({
        stream: 'quarantine',
        filter: 'mesh.quarantine.*',
        fromSeq: 1,
        onMessage: (message) => this.#refused(message),
        onError,
      }),
    ]);
  }

  facts(id?: string): Fact[] {
    return [...(id === undefined ? this.#facts : (this.#factsOf.get(id) ?? []))];
  }

  quarantined(): Quarantined[] {
    return [...this.#quarantined];
  }

  /** Terminal facts as stored: one, however often the task was crashed. */
  terminal(id: string): Fact[] {
    return this.facts(id).filter(({ name }) => TERMINAL.has(name));
  }

  /** Facts that stand in the log twice. */
  doubles(): Fact[] {
    const seen = new Set<string>();
    return this.#facts.filter(({ event }) => seen.has(event.id) || !seen.add(event.id));
  }

  /** How often facts were sent so far, those included that the log knew already and stored no second time. */
  sendings(task?: string): number {
    return this.#sendings.filter((sent) => task === undefined || sent.task === task).length;
  }

  /** Resolves with the n-th fact of that name, from 1. */
  fact(id: string, name: EventName, limitMs: number = TASK_LIMIT_MS, nth = 1): Promise<Fact> {
    return this.#changes.until(
      () => this.facts(id).filter((fact) => fact.name === name)[nth - 1],
      limitMs,
      () => `no ${name} of ${id}; so far ${this.#story(id)}`,
    );
  }

  result(id: string, limitMs: number = TASK_LIMIT_MS): Promise<Ended> {
    return this.#changes.until(
      () => {
        const [fact] = this.terminal(id);
        return fact === undefined ? undefined : endedBy(fact);
      },
      limitMs,
      () => `${id} has not ended; so far ${this.#story(id)}`,
    );
  }

  refusal(fits: (entry: Quarantined) => boolean, limitMs: number, what: string): Promise<Quarantined> {
    return this.#changes.until(
      () => this.#quarantined.find(fits),
      limitMs,
      () => `${what} was not quarantined; ${this.#quarantined.length} entries: ${this.#codes()}`,
    );
  }

  refusals(count: number, limitMs: number): Promise<Quarantined[]> {
    return this.#changes.until(
      () => (this.#quarantined.length >= count ? this.quarantined() : undefined),
      limitMs,
      () => `${this.#quarantined.length} of ${count} are quarantined: ${this.#codes()}`,
    );
  }

  #codes(): string {
    return this.#quarantined
      .slice(-40)
      .map(({ role, code, originSeq }) => `${role}/${code}@${originSeq}`)
      .join(' ');
  }

  #story(id: string): string {
    return (
      this.facts(id)
        .map(({ name }) => name)
        .join(', ') || 'nothing'
    );
  }

  #stored({ data, seq }: StoredMessage): void {
    for (const [index, event] of eventsIn(data).entries()) {
      const name = nameOf(event.type);
      if (name === null) throw new Error(`a fact of unknown type: ${event.type}`);
      const fact = { name, event, seq, index };
      this.#facts.push(fact);
      const known = this.#factsOf.get(event.correlationid);
      if (known) known.push(fact);
      else this.#factsOf.set(event.correlationid, [fact]);
    }
    this.#changes.tell();
  }

  #refused(message: StoredMessage): void {
    this.#quarantined.push({
      role: message.subject.split('.').at(-1) ?? '',
      code: message.header('mesh-code'),
      reason: headerValue(message.header('mesh-reason')),
      originSeq: Number(message.header('mesh-origin-seq')),
      originSubject: headerValue(message.header('mesh-origin-subject')),
      truncated: message.header('mesh-truncated') === 'true',
      data: message.data,
    });
    this.#changes.tell();
  }
}

/** One event, or a batch of them. */
function eventsIn(data: Uint8Array): MeshEvent[] {
  const value = JSON.parse(Buffer.from(data).toString('utf8')) as MeshEvent | MeshEvent[];
  return Array.isArray(value) ? value : [value];
}

function endedBy({ name, event }: Fact): Ended {
  const { type, data } = event;
  switch (type) {
    case 'dev.agentmesh.task.completed.v1':
    case 'dev.agentmesh.task.failed.v1':
    case 'dev.agentmesh.task.cancelled.v1':
      return { name, result: data.result };
    default:
      throw new Error(`${type} ends no task`);
  }
}
