/**
 * Whether a request is still open, asked of the host that made it. Owns: the question and the answer. Does not own: what
 * follows from it.
 *
 * When the log and this host's ledger were put back to an older state together, they agree that a request was never
 * answered; only the journal of whoever made it knows better (J5). So before an effect that may not be repeated begins for
 * a request that was in the log before this process started, its maker is asked, until there is an answer. It may be
 * away for long: then the effect waits, as it would for a log that is away.
 */
import type { Bus } from '../../../bus/port.ts';
import { ASKED_FILTER, askedSubject, parseAskedSubject, partitionOf } from '../../../schemas/events/subjects.ts';
import { type EventInput, isOverWord } from '../journal/record.ts';
import type { Ledger } from '../ledger/port.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { Partition } from '../partitions/partitions.ts';
import type { Clock } from '../ports.ts';
import { inputsOf } from '../tasks/recall.ts';
import { type Actors, applyToTask, type RolesByName } from '../tasks/task.ts';
import { type LiveTask, loggedOf } from '../tasks/tasks.ts';

/** How long an answer is waited for before it is asked again, milliseconds. */
const ANSWER_WITHIN_MS = 500;

const ANSWERED = 'answered';
const OPEN = 'open';
/** The request is not in this past of the task; the roles that have told it something follow. */
const UNKNOWN = 'unknown';

export interface Requests {
  /**
   * False when one of those who told the task something has had an answer to that, or when nobody can say who did.
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
  /** A task that is asked about cannot be loaded by this release. */
  readonly onFatal: (error: unknown) => void;
}

export function createRequests(options: RequestsOptions): Requests {
  const { bus, ledger, clock, limits, roles, partition: get, onFatal } = options;
  /** The last event of each other role that the task's actors were told; none when the journal does not reach back. */
  const lastOfEach = ({ id: task, partition, firstN, lastN }: LiveTask): Map<string, EventInput> => {
    const last = new Map<string, EventInput>();
    for (const input of inputsOf(ledger, partition, { task, firstN, lastN }))
      if (input.place !== null && !isOverWord(input)) last.set(input.event.senderrole, input);
    return last;
  };
  const answerTo = (part: Partition, task: string, requestId: string): string => {
    if (part.doubts.has(task)) return ANSWERED;
    const known = part.tasks.find(task);
    if (known === null) return part.tasks.ended(task) === null ? OPEN : ANSWERED;
    let actors: Actors = new Map();
    let askedTo: string | null = null;
    const asked = new Set<string>();
    const heard = new Set<string>();
    /** By them an actor of this host was asked to begin. */
    const askers = new Set<string>();
    /** The others, before they were asked for the first time, which is in another past. */
    const heardBefore = new Set<string>();
    const { firstN, lastN } = known;
    for (const input of inputsOf(ledger, part.number, { task, firstN, lastN })) {
      const { senderrole } = input.event;
      if (input.place !== null && senderrole === askedTo) return ANSWERED;
      if (input.place !== null && !isOverWord(input)) {
        heard.add(senderrole);
        if (!actors.has(input.role)) askers.add(senderrole);
        if (!asked.has(senderrole) && !askers.has(senderrole)) heardBefore.add(senderrole);
      }
      const result = applyToTask(roles, actors, { role: input.role, logged: loggedOf(input) }, limits);
      if (result.kind !== 'applied') continue;
      actors = result.actors;
      for (const { way, to, event } of result.said) {
        if (way !== 'mesh') continue;
        asked.add(to);
        if (event.id === requestId) askedTo ??= to;
      }
      if (askedTo !== null && heardBefore.has(askedTo)) return ANSWERED;
    }
    return askedTo === null ? [UNKNOWN, ...heard].join(' ') : OPEN;
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
      const known = get(partition)?.tasks.find(task);
      const told = known ? lastOfEach(known) : new Map<string, EventInput>();
      if (told.size === 0) return false;
      for (const [role, { event }] of told) {
        // What came from outside the mesh, or from a role of this host, nobody else knows of.
        if (event.source === '/mesh/ingress' || roles.has(role)) continue;
        let answer: string | null = null;
        while (answer === null) {
          if (!isWanted()) return false;
          answer = await ask(askedSubject(role, task), event.id);
        }
        const [word, ...heard] = answer.split(' ');
        if (word === ANSWERED || (word === UNKNOWN && heard.includes(event.recipientrole))) return false;
      }
      return true;
    },
    answer: () =>
      bus.answerVolatile(ASKED_FILTER, (subject, data) => {
        const asked = parseAskedSubject(subject);
        if (asked === null || !roles.has(asked.role)) return null;
        const part = get(partitionOf(asked.correlationId));
        if (!part) return null;
        try {
          return answerTo(part, asked.correlationId, Buffer.from(data).toString('utf8'));
        } catch (error) {
          onFatal(error);
          return null;
        }
      }),
  };
}
