/**
 * What the journals of a partition tell beside the facts of a task: that a service came back, that an attempt of the task
 * failed, and how long its caller lets it take. Owns: reading records for that. Does not own: the form of records
 * (`schemas/events/journal.ts`).
 */
import type { StoredMessage } from '../../bus/port.ts';
import { parseJson } from '../../schemas/events/envelope.ts';
import type { Mark } from '../wire.ts';

interface Head {
  readonly process: string;
  readonly host: string;
  readonly n: number;
  readonly word: string | null;
}

interface Entry {
  readonly type?: unknown;
  readonly correlationid?: unknown;
  readonly appliedat?: unknown;
  readonly actor?: unknown;
  readonly data?: unknown;
}

export class Journals {
  readonly #taskId: string;
  /** The latest record of each journal that was heard. */
  readonly #last = new Map<string, Head>();
  #deadlineMs: number | null = null;

  constructor(taskId: string) {
    this.#taskId = taskId;
  }

  /** The caller's word, as far as the records that were heard have it. */
  get deadlineMs(): number | null {
    return this.#deadlineMs;
  }

  marksOf(message: StoredMessage): Mark[] {
    const entries = entriesOf(message.data);
    const service = message.subject.split('.')[2] ?? '';
    const head = headOf(entries[0]);
    if (head === null) return [];
    const before = this.#last.get(service);
    this.#last.set(service, head);
    const { seq, atMs } = message;
    const marks: Mark[] = [];
    if (head.word === 'claimed' && before !== undefined && before.process !== head.process) {
      marks.push({ kind: before.word === 'stopped' ? 'restart' : 'crash', atMs, seq, service });
    }
    for (const entry of entries.slice(1)) {
      this.#deadlineMs ??= this.#deadlineOf(entry);
      const mark = this.#retryOf(entry, service, seq, atMs);
      if (mark !== null) marks.push(mark);
    }
    return marks;
  }

  #deadlineOf({ type, correlationid, data }: Entry): number | null {
    if (correlationid !== this.#taskId || type !== 'dev.agentmesh.task.submitted.v1') return null;
    const { deadlineMs } = record(data);
    return typeof deadlineMs === 'number' && Number.isFinite(deadlineMs) ? deadlineMs : null;
  }

  #retryOf(entry: Entry, service: string, seq: number, storedAtMs: number): Mark | null {
    if (entry.correlationid !== this.#taskId || entry.type !== 'dev.agentmesh.effect.retried.v1') return null;
    const data = record(entry.data);
    const at = typeof entry.appliedat === 'string' ? Date.parse(entry.appliedat) : Number.NaN;
    return {
      kind: 'retry',
      atMs: Number.isFinite(at) ? at : storedAtMs,
      ...{ seq, service },
      role: String(entry.actor ?? ''),
      effect: String(data.effect ?? ''),
      attempt: Number(data.attempt ?? 0),
      reason: String(record(data.error).message ?? '').slice(0, 500),
    };
  }
}

export function headOf(entry: Entry | undefined): Head | null {
  if (entry === undefined) return null;
  const data = record(entry.data);
  if (typeof data.host !== 'string' || typeof data.n !== 'number') return null;
  const word = typeof data.word === 'string' ? data.word : null;
  return { process: String(data.process ?? ''), host: data.host, n: data.n, word };
}

export function entriesOf(data: Uint8Array): Entry[] {
  const parsed = parseJson(new TextDecoder().decode(data));
  return parsed.ok && Array.isArray(parsed.value) ? parsed.value.map(record) : [];
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
