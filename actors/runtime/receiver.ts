/**
 * What is done with a message of the log. Owns: finding the actor that it is for, carrying out what the step says, and
 * setting aside what cannot be applied. Does not own: reading, the meaning of an event (step), or its outputs' way.
 *
 * Invariants:
 * 1. An event is applied in one turn of the event loop: cursor, state, inbox, outputs, effects and timers go into one
 *    batch (S3).
 * 2. What cannot be applied is quarantined in the batch that passes it (S9).
 */
import type { StoredMessage } from '../../bus/port.ts';
import { type MeshEvent, nameOf, type Parsed, parseEvent } from '../../schemas/events/envelope.ts';
import { parseSubject } from '../../schemas/events/subjects.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { AtCrashPoint } from './crash-points.ts';
import type { Effects } from './effects.ts';
import type { Instances, Slot } from './instances.ts';
import type { Outputs } from './outputs.ts';
import type { RuntimeLog } from './ports.ts';
import { quarantineRow } from './quarantine.ts';
import type { Rewritten } from './rewritten.ts';
import type { Role } from './role.ts';
import { type Applied, isSettlement, type LoggedEvent, step } from './step.ts';
import type { Timers } from './timers.ts';

/** Turns messages from outside into events for an actor. */
export interface Ingress {
  /** The word it has in leases, cursors and quarantine. */
  readonly name: string;
  readonly filter: string;
  /** Where the event goes, or why there is none. The same message gives the same event at every reading. */
  translate(message: StoredMessage, streamIdentity: string): Parsed<{ subject: string; event: MeshEvent }>;
}

export interface Receiver {
  /** An event for a role of this host. */
  receive(role: Role, message: StoredMessage): void;
  /** A message from outside. */
  admit(ingress: Ingress, message: StoredMessage, identity: string): void;
  /** Since the start. */
  readonly counts: { readonly applied: number; readonly duplicates: number; readonly quarantined: number };
}

export interface ReceiverOptions {
  readonly log: RuntimeLog;
  readonly at: AtCrashPoint;
  readonly commits: Pick<CommitQueue, 'hurry'>;
  readonly instances: Instances;
  readonly outputs: Outputs;
  readonly effects: Effects;
  readonly timers: Timers;
  readonly rewritten: Rewritten;
  /** The role has read all that was in the log: what it wants done may begin. */
  isLevel(role: string): boolean;
  /** The role's ledger is being made anew from the log. */
  isFolding(role: string): boolean;
}

export function createReceiver(options: ReceiverOptions): Receiver {
  const { log, at, commits, instances, outputs, effects, timers, rewritten } = options;
  const counts = { applied: 0, duplicates: 0, quarantined: 0 };

  const quarantine = (name: string, message: StoredMessage, code: string, reason: string): void => {
    counts.quarantined += 1;
    log.warn({ role: name, seq: message.seq, subject: message.subject, code, reason }, 'quarantined');
    outputs.record(quarantineRow(name, message, code, reason), '', true);
  };
  const applied = (
    role: Role,
    slot: Slot | null,
    result: Applied,
    bodies: readonly string[],
    logged: LoggedEvent,
  ): void => {
    const home = slot ?? instances.create(role, result.instance);
    instances.update(home, result.instance, logged.atMs);
    for (const [index, { subject, event, leaves, awaited }] of result.outputs.entries()) {
      outputs.send(home.id, subject, event, leaves, bodies[index]);
      if (awaited) commits.hurry();
    }
    counts.applied += 1;
    at('event-applied');
    for (const row of result.endedEffects) effects.end(home, row);
    if (!options.isLevel(role.name)) return;
    for (const row of result.startedEffects) effects.begin(home, row);
    timers.sync(home);
  };
  /** What a host said of its effects and timers is in the log only, and is not derived again from it. */
  const adopt = (role: Role, slot: Slot | null, message: StoredMessage, event: MeshEvent): void => {
    const name = nameOf(event.type);
    if (name === null || !isSettlement(name) || event.senderrole !== role.name) return;
    outputs.adopt(slot?.id ?? 0, message, event);
  };

  return {
    counts,
    receive(role, message) {
      at('event-read');
      const parsed = parseEvent(message.data);
      if (!parsed.ok) {
        quarantine(role.name, message, parsed.rejection.code, parsed.rejection.reason);
        return;
      }
      const event = parsed.value;
      if (!isFor(role, message, event)) {
        const whose = `${event.recipientrole} of ${event.correlationid}`;
        quarantine(role.name, message, 'misaddressed', `${message.subject} is not for ${whose}`);
        return;
      }
      const slot = instances.find(role, event.correlationid);
      const logged = { event, atMs: message.atMs };
      if (options.isFolding(role.name)) {
        rewritten.folded(event.correlationid, message);
        adopt(role, slot, message, event);
      }
      const result = step(role, slot?.instance ?? null, logged);
      if (result.kind === 'rejected') quarantine(role.name, message, result.code, result.reason);
      else if (result.kind === 'ignored') counts.duplicates += 1;
      else {
        const bodies = result.outputs.map((output) => JSON.stringify(output.event));
        const large = bodies.findIndex(outputs.isTooLarge);
        if (large === -1) applied(role, slot, result, bodies, logged);
        else {
          const what = `${result.outputs[large]?.event.type} would have more than ${outputs.maxBytes} bytes`;
          quarantine(role.name, message, 'output_too_large', what);
        }
      }
    },
    admit(ingress, message, identity) {
      const translated = ingress.translate(message, identity);
      if (!translated.ok) {
        quarantine(ingress.name, message, translated.rejection.code, translated.rejection.reason);
        return;
      }
      const { subject, event } = translated.value;
      const body = JSON.stringify(event);
      if (outputs.isTooLarge(body)) {
        const what = `as an event it would have more than ${outputs.maxBytes} bytes`;
        quarantine(ingress.name, message, 'too_large', what);
      } else outputs.send(0, subject, event, false, body);
    },
  };
}

/** What is relayed between agents names the one that it is meant for, not the one that relays it. */
function isFor(role: Role, message: StoredMessage, event: MeshEvent): boolean {
  const address = parseSubject(message.subject);
  if (address.kind !== 'inbox' || address.correlationId !== event.correlationid) return false;
  return event.recipientrole === role.name || event.type === 'dev.agentmesh.agent.message.v1';
}
