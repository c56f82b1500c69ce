/**
 * What is done with an input. Owns: applying it to its task and setting off what follows: what is said, effects, limits
 * of time. Does not own: what it means (`task.ts`), recording, sending.
 *
 * Invariants:
 * 1. An input is applied in one turn of the event loop and recorded in the same: state, what is said and what begins
 *    rest on one record (J1).
 * 2. An output that the log would refuse is never made: the input that would cause it is refused instead, or, when it is
 *    an effect's result, replaced by the failure of that effect (S8, S9).
 */

import type { StoredMessage } from '../../../bus/port.ts';
import type { MeshEvent } from '../../../schemas/events/envelope.ts';
import { inboxesOf, JOURNAL_LANE } from '../../../schemas/events/subjects.ts';
import type { EffectOwner } from '../effects/effect-job.ts';
import type { HostContext } from '../host-context.ts';
import type { EventInput, Place, Quarantined, QuarantinedInput } from '../journal/record.ts';
import type { Partition, Partitions } from '../partitions/partitions.ts';
import type { Role } from '../role.ts';
import type { Actor, EffectRow, TimerRow } from '../tasks/actor.ts';
import type { Actors, TaskStep } from '../tasks/task.ts';
import { RecordMessages } from './messages.ts';
import { quarantined } from './quarantine.ts';
import { eventMaxBytes, type LaneOf } from './receiver.ts';

export interface Inputs {
  /** A message of the log for a partition that is open. */
  message(partition: Partition, lane: LaneOf, message: StoredMessage): void;
  /**
   * What this host says about an actor of its own. Returns the number of its record, or null when nothing comes of it.
   */
  settlement(owner: { readonly partition: number; readonly role: string }, event: MeshEvent): number | null;
  /** What stands in the journal of a partition and is no record: it goes into quarantine. */
  stray(partition: Partition, message: StoredMessage): void;
  /** Begins what is pending in a partition that was opened. */
  resume(partition: Partition): void;
  /** Since the start. */
  readonly counts: { readonly applied: number; readonly duplicates: number; readonly quarantined: number };
}

export interface InputsOptions extends HostContext {
  readonly partitions: Pick<Partitions, 'get'>;
  readonly rolesByName: ReadonlyMap<string, Role>;
}

export function createInputs(options: InputsOptions): Inputs {
  const { journal, timers, effects, clock, log, at, tracing } = options;
  const counts = { applied: 0, duplicates: 0, quarantined: 0 };
  const maxBytes = eventMaxBytes(options.bus.maxPayloadBytes);

  const inputOf = (
    part: Partition,
    role: string,
    event: MeshEvent,
    place: Place | null,
    again: boolean,
  ): EventInput => {
    return { kind: 'event', role, event, place, again, atMs: clock.now(), upMs: timers.upMs(part.number) };
  };
  const saying = (part: Partition, n: number): RecordMessages => {
    const known = part.saying.get(n);
    if (known) return known;
    const messages = new RecordMessages();
    part.saying.set(n, messages);
    return messages;
  };
  const quarantine = (part: Partition, message: Quarantined, place: Place): number => {
    counts.quarantined += 1;
    const { lane, seq, subject, code } = message;
    // The reason may repeat what the message says; it is kept with the message.
    log.warn({ role: lane, seq, subject, code }, 'quarantined');
    tracing.hosted({ what: 'quarantine', lane, seq, code });
    const when = { atMs: clock.now(), upMs: timers.upMs(part.number) };
    const input: QuarantinedInput = { kind: 'quarantined', message, place, ...when };
    const n = journal.add(part.number, { input, caused: [] });
    saying(part, n).quarantine(message);
    return n;
  };
  /** What leaves because of a step, as text; or the event that the log would refuse. */
  const textsOf = ({ said }: TaskStep): { texts: ReadonlyMap<MeshEvent, string> } | { tooLarge: MeshEvent } => {
    const texts = new Map<MeshEvent, string>();
    for (const { way, event } of said) {
      if (way === 'host') continue;
      const text = JSON.stringify(event);
      if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) return { tooLarge: event };
      texts.set(event, text);
    }
    return { texts };
  };
  const carryOut = (
    part: Partition,
    input: EventInput,
    result: TaskStep,
    texts: ReadonlyMap<MeshEvent, string>,
  ): number => {
    const caused = result.said.filter(({ way }) => way === 'host').map(({ event }) => event);
    const n = journal.add(part.number, { input, caused });
    const before = part.tasks.find(input.event.correlationid)?.actors;
    const task = part.tasks.apply(input, result, n);
    if (texts.size > 0 || result.refused.length > 0) saying(part, n).add(result, texts);
    if (result.said.some(({ way, awaited }) => awaited || way === 'mesh')) journal.hurry();
    for (const { event, role, code } of result.refused)
      log.warn({ role, type: event.type, task: task.id, code }, 'quarantined');
    tracing.applied({ role: input.role, event: input.event, atMs: input.atMs, said: result.said, replayed: false });
    counts.applied += 1;
    counts.quarantined += result.refused.length;
    part.activeAtMs = clock.elapsed();
    at('event-applied');
    for (const { role, row } of result.ended) effects.end(ownerOf(part, task.id, role), row);
    for (const { role, row } of result.started) effects.begin(ownerOf(part, task.id, role), row, n);
    for (const [role, actor] of result.actors) syncTimers(part, task.id, role, before?.get(role), actor);
    return n;
  };
  const syncTimers = (part: Partition, task: string, role: string, before: Actor | undefined, actor: Actor): void => {
    if (actor === before || (actor.timers.size === 0 && (before?.timers.size ?? 0) === 0)) return;
    timers.sync({ partition: part.number, task, role }, actor.timers);
  };
  const ownerOf = (part: Partition, task: string, role: string): EffectOwner => {
    const found = options.rolesByName.get(role);
    if (!found) throw new Error(`no role ${role}`);
    return { partition: part.number, task, role: found };
  };
  const enter = (part: Partition, input: EventInput): Entered => {
    const result = part.tasks.weigh(input);
    if (result.kind === 'ignored') {
      counts.duplicates += 1;
      return { n: null };
    }
    if (result.kind === 'rejected') return { refused: result };
    const leaving = textsOf(result);
    const { began } = result;
    const written = Object.keys(began).length === 0 ? input : { ...input, began };
    if ('texts' in leaving) return { n: carryOut(part, written, result, leaving.texts) };
    const reason = `${leaving.tooLarge.type} would have more than ${maxBytes} bytes`;
    return { refused: { code: 'output_too_large', reason } };
  };
  /** An effect whose result nobody can take has failed; what else cannot be taken is set aside. */
  const settleOtherwise = (part: Partition, role: string, event: MeshEvent, refused: Refusal): number => {
    if (event.type === 'dev.agentmesh.effect.finished.v1' && event.data.status === 'done') {
      const { output: _output, ...data } = event.data;
      const error = { code: refused.code, message: refused.reason.slice(0, 500), retryable: false };
      const failed: MeshEvent = { ...event, data: { ...data, status: 'failed', error } };
      const entered = enter(part, inputOf(part, role, failed, null, false));
      if (entered.n !== undefined && entered.n !== null) return entered.n;
    }
    const message = Buffer.from(JSON.stringify(event));
    const origin = {
      subject: inboxesOf(role),
      seq: 0,
      atMs: clock.now(),
      data: message,
      header: () => '',
      headers: () => [],
    };
    return quarantine(part, quarantined(role, origin, refused.code, refused.reason), { lane: role, seq: 0 });
  };

  return {
    counts,
    message(part, lane, message) {
      const place = { lane: lane.name, seq: message.seq };
      const received = lane.receive(message);
      if (received.kind === 'quarantined') {
        quarantine(part, received.message, place);
        return;
      }
      // What begins a task is recorded with the word whether its trace is kept: everybody after it goes by that.
      const begins = received.event.type === 'dev.agentmesh.task.submitted.v1';
      const event = begins
        ? { ...received.event, traceparent: tracing.admit(received.event.traceparent) }
        : received.event;
      const { correlationid } = event;
      const known = part.tasks.find(correlationid);
      const isFresh = message.seq > options.witness.stream.lastSeq && (known === null || known.fresh === true);
      const { refused } = enter(part, inputOf(part, received.role, event, place, received.again));
      const isAsked = !refused && event.type !== 'dev.agentmesh.task.over.v1';
      const task = isAsked ? part.tasks.find(correlationid) : null;
      if (task) task.fresh = isFresh;
      if (refused) quarantine(part, quarantined(lane.name, message, refused.code, refused.reason), place);
    },
    stray(part, message) {
      const place = { lane: JOURNAL_LANE, seq: message.seq };
      if (message.seq <= (part.read.get(place.lane) ?? 0)) return;
      part.read.set(place.lane, place.seq);
      quarantine(part, quarantined(place.lane, message, 'no_record', 'it stands in a journal and is no record'), place);
    },
    settlement({ partition, role }, event) {
      const part = options.partitions.get(partition);
      if (!part) return null;
      const { n, refused } = enter(part, inputOf(part, role, event, null, false));
      return refused ? settleOtherwise(part, role, event, refused) : (n ?? null);
    },
    resume(part) {
      const n = journal.told(part.number);
      for (const task of part.tasks.atWork()) {
        const id = 'rows' in task ? task.task : task.id;
        for (const { role, effects: running, timers: waits } of 'rows' in task ? task.rows : rowsOf(task.actors)) {
          if (waits.length > 0)
            timers.sync({ partition: part.number, task: id, role }, new Map(waits.map((row) => [row.timer, row])));
          for (const row of running) effects.begin(ownerOf(part, id, role), row, n, true);
        }
      }
      journal.hurry();
    },
  };
}

interface Refusal {
  readonly code: string;
  readonly reason: string;
}

/** `n` is the number of the record, null when nothing has changed. */
type Entered =
  | { readonly n: number | null; readonly refused?: undefined }
  | { readonly n?: undefined; readonly refused: Refusal };

interface Rows {
  readonly role: string;
  readonly effects: readonly EffectRow[];
  readonly timers: readonly TimerRow[];
}

function rowsOf(actors: Actors): Rows[] {
  return [...actors].map(([role, { effects, timers }]) => {
    return { role, effects: [...effects.values()], timers: [...timers.values()] };
  });
}
