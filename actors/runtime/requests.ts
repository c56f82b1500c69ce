/**
 * Whether a request is still open, asked of the host that made it. Owns: the question and the answer. Does not own: what
 * follows from it.
 *
 * When the log and this host's ledger were put back to an older state together, they agree that a request was never
 * answered; only the journal of whoever made it knows better (J5). So before an effect that may not be repeated begins for
 * a request that was in the log before this process started, its maker is asked, until there is an answer. It may be
 * away for long: then the effect waits, as it would for a log that is away.
 */
import type { Bus } from '../../bus/port.ts';
import { ASKED_FILTER, askedSubject, parseAskedSubject, partitionOf } from '../../schemas/events/subjects.ts';
import type { Ledger } from './ledger/port.ts';
import type { RuntimeLimits } from './limits.ts';
import type { Partition } from './partitions.ts';
import type { Clock } from './ports.ts';
import { decodeRecord, type EventInput } from './record.ts';
import { type Actors, applyToTask, type RolesByName } from './task.ts';
import { digestOf } from './tasks.ts';

/** How long an answer is waited for before it is asked again, milliseconds. */
const ANSWER_WITHIN_MS = 500;

export interface Requests {
  /**
   * False when whoever asked for it has had an answer, or when nobody can say who asked.
   *
   * @param isWanted asked between two questions: nobody waits for the answer any more when not
   */
  isOpen(partition: number, task: string, isWanted: () => boolean): Promise<boolean>;
  /** Answers others. Returns the function that ends it. */
  answer(): () => void;
}

export interface RequestsOptions {
  readonly bus: Bus;
  readonly ledger: Pick<Ledger, 'records'>;
  readonly clock: Clock;
  readonly limits: RuntimeLimits;
  readonly roles: RolesByName;
  readonly partition: (partition: number) => Partition | undefined;
}

export function createRequests({ bus, ledger, clock, limits, roles, partition: get }: RequestsOptions): Requests {
  /** The inputs of a task, from its journal. */
  function* inputsOf(partition: number, task: string, firstN: number): Iterable<EventInput> {
    for (const { body } of ledger.records(partition, firstN)) {
      for (const input of decodeRecord(body).inputs)
        if (input.kind === 'event' && input.event.correlationid === task) yield input;
    }
  }
  /** The last event that another role has told the task's actors; null when the journal does not reach back to it. */
  const lastRequest = (partition: number, task: string, firstN: number): EventInput | null => {
    let last: EventInput | null = null;
    for (const input of inputsOf(partition, task, firstN)) if (input.place !== null) last = input;
    return last;
  };
  const isAnswered = (part: Partition, task: string, requestId: string): boolean => {
    const known = part.tasks.find(task);
    if (known === null) return part.tasks.ended(task) !== null;
    let actors: Actors = new Map();
    let askedTo: string | null = null;
    for (const input of inputsOf(part.number, task, known.firstN)) {
      if (askedTo !== null && input.place !== null && input.event.senderrole === askedTo) return true;
      const { event, role, atMs, upMs } = input;
      const logged = { event, atMs, upMs, digest: digestOf(input) };
      const result = applyToTask(roles, actors, { role, logged }, limits);
      if (result.kind !== 'applied') continue;
      actors = result.actors;
      askedTo ??= result.said.find(({ way, event: said }) => way === 'mesh' && said.id === requestId)?.to ?? null;
    }
    return false;
  };
  /** Null when there is none in time. */
  const ask = (subject: string, requestId: string): Promise<string | null> =>
    new Promise((resolve) => {
      clock.after(ANSWER_WITHIN_MS, () => resolve(null));
      bus.askVolatile(subject, requestId, { answers: 1, limitMs: ANSWER_WITHIN_MS }).then(
        ([answer]) => {
          if (answer) resolve(Buffer.from(answer).toString('utf8'));
        },
        // The log is away; it is asked again.
        () => undefined,
      );
    });
  return {
    async isOpen(partition, task, isWanted) {
      const firstN = get(partition)?.tasks.find(task)?.firstN;
      const request = firstN === undefined ? null : lastRequest(partition, task, firstN);
      if (request === null) return false;
      const { senderrole, id } = request.event;
      // What came from outside the mesh, or from a role of this host, nobody else knows of.
      if (request.event.source === '/mesh/ingress' || roles.has(senderrole)) return true;
      while (isWanted()) {
        const answer = await ask(askedSubject(senderrole, task), id);
        if (answer === 'open' || answer === 'answered') return answer === 'open';
      }
      return false;
    },
    answer: () =>
      bus.answerVolatile(ASKED_FILTER, (subject, data) => {
        const asked = parseAskedSubject(subject);
        if (asked === null || !roles.has(asked.role)) return null;
        const part = get(partitionOf(asked.correlationId));
        if (!part) return null;
        return isAnswered(part, asked.correlationId, Buffer.from(data).toString('utf8')) ? 'answered' : 'open';
      }),
  };
}
