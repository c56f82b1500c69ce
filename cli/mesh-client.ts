/**
 * How commands speak with a mesh: through its log. Owns: connecting, publishing submissions, reading the facts of
 * tasks. Does not own: what the facts mean (task-view.ts) or how they look.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '../bus/nats-bus.ts';
import { type Bus, BusError, type PubAck, type Reader, type StoredMessage } from '../bus/port.ts';
import { natsUrl, type Settings } from '../config/settings.ts';
import { MeshError } from '../gateway/core/errors.ts';
import { recall } from '../gateway/core/recall.ts';
import { removalNote } from '../gateway/core/removal.ts';
import { EVENT_CONTENT_TYPE, type EventName, typeOf, validateData } from '../schemas/events/envelope.ts';
import { type Fact, factsIn, isAfter, type Place } from '../schemas/events/fact.ts';
import type { DataByName } from '../schemas/events/generated.ts';
import { ingressEventId } from '../schemas/events/ids.ts';
import { FACT_FILTER, factSubject, INGRESS_SUBJECT, parseSubject } from '../schemas/events/subjects.ts';
import { CliError } from './errors.ts';
import { localTrouble } from './local-trouble.ts';
import { type Liveness, liveness, readRunState } from './supervisor/run-state.ts';
import { matchId, wholeId } from './task-id.ts';

const SOURCE = '/mesh/cli';
/** A mesh that is up takes a request in milliseconds; one that is down takes it up when it starts. */
const TAKEN_TIMEOUT_MS = 10_000;
/** A task's facts are few; reading them back is a matter of milliseconds. */
const CATCH_UP_TIMEOUT_MS = 30_000;

/** Runs work with a connection and closes it. @throws CliError when the server is the mesh's own and the reason is known */
export async function withBus<T>(settings: Settings, work: (bus: Bus) => Promise<T>): Promise<T> {
  const local = liveness(readRunState(settings));
  try {
    const bus = await connectBus({ url: urlOf(settings, local), name: 'mesh-cli' });
    try {
      return await work(bus);
    } finally {
      await bus.close();
    }
  } catch (error) {
    if (error instanceof BusError && settings.NATS_URL === undefined) throw explained(error, settings, local);
    throw error;
  }
}

/** A mesh that is up says where its server is; a port that was set since does not count until the next start. */
function urlOf(settings: Settings, local: Liveness): string {
  return settings.NATS_URL === undefined && local.kind === 'up' ? local.state.natsUrl : natsUrl(settings);
}

/** What hinders the mesh's own server is on this machine, and can be looked at. */
function explained(error: BusError, settings: Settings, local: Liveness): Error {
  if (!error.retryable && error.code !== 'no_jetstream') return error;
  const [first, ...rest] = localTrouble(settings, local).filter(({ kind }) => kind === 'fails');
  if (first !== undefined) {
    const details = rest.map(({ text }) => text);
    return new CliError(3, first.text, { cause: error, details });
  }
  if (local.kind !== 'up') return error;
  const text = "the mesh's own nats-server does not answer or stores nothing right now; it is started again by itself";
  return new CliError(3, `${text}: try again, and see \`mesh status\``, { cause: error });
}

type Submitted = 'task.submitted' | 'task.cancel.requested' | 'task.input.provided';

/**
 * Publishes a request of a person to the ingress. The event's id is derived, so the same request sent twice is one (S5).
 * @param discriminator tells apart requests of one kind to one task
 * @throws CliError with exit code 2 when the data is not what its schema allows
 */
export async function submit<N extends Submitted>(
  bus: Bus,
  taskId: string,
  name: N,
  data: DataByName[N],
  discriminator: string,
): Promise<PubAck> {
  const valid = validateData(name, data);
  if (!valid.ok) throw new CliError(2, `this cannot be sent: ${valid.rejection.reason.replace(/^data\.?/, '')}`);
  const type = typeOf(name satisfies EventName);
  const event = {
    specversion: '1.0',
    id: ingressEventId(taskId, type, discriminator),
    source: SOURCE,
    type,
    correlationid: taskId,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data,
  };
  return bus.publish({
    subject: INGRESS_SUBJECT,
    body: JSON.stringify(event),
    headers: { 'content-type': EVENT_CONTENT_TYPE },
  });
}

/** All stored facts of a task, in order. */
export async function readFacts(bus: Bus, taskId: string): Promise<Fact[]> {
  const facts: Fact[] = [];
  const reader = await followFacts(bus, factSubject(taskId), 1, (some) => facts.push(...some));
  await caughtUp(reader);
  await reader.stop();
  return facts;
}

/**
 * Calls back with the facts of every stored message from a sequence on, and of every later one: those of one commit
 * together, in the order of happening.
 */
export async function followFacts(
  bus: Bus,
  filter: string,
  fromSeq: number,
  onFacts: (facts: readonly Fact[]) => void,
  onError: (error: Error) => void = () => undefined,
): Promise<Reader> {
  return bus.read({
    filter,
    fromSeq,
    onMessage: (message) => {
      const facts = factsIn(message);
      if (facts.length > 0) onFacts(facts);
    },
    onError,
  });
}

/** The first fact after a place that is wanted; null when none comes in time. */
export async function waitForFact(
  bus: Bus,
  taskId: string,
  after: Place,
  wanted: (fact: Fact) => boolean,
): Promise<Fact | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Fact | null>();
  const timer = setTimeout(() => resolve(null), TAKEN_TIMEOUT_MS);
  const onFacts = (facts: readonly Fact[]): void => {
    const found = facts.find((fact) => isAfter(fact, after) && wanted(fact));
    if (found !== undefined) resolve(found);
  };
  // From the message of that place: it may hold more facts after it.
  const reader = await followFacts(bus, factSubject(taskId), after.seq, onFacts, reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await reader.stop();
  }
}

async function caughtUp(reader: Reader): Promise<void> {
  const timeout = new AbortController();
  const late = sleep(CATCH_UP_TIMEOUT_MS, undefined, { signal: timeout.signal }).then(() => {
    throw new CliError(3, 'the NATS server does not deliver the stored facts; see `mesh doctor`');
  });
  try {
    await Promise.race([reader.caughtUp, late]);
  } finally {
    timeout.abort();
    late.catch(() => undefined);
  }
}

/** The message with the last facts of every task in the log, the newest first. */
export async function lastMessages(bus: Bus): Promise<StoredMessage[]> {
  return (await bus.readLast(FACT_FILTER)).sort((a, b) => b.seq - a.seq);
}

async function resolveTaskId(bus: Bus, text: string): Promise<string> {
  const whole = wholeId(text);
  if (whole !== null) return whole;
  const known = (await lastMessages(bus)).map((message) => {
    const subject = parseSubject(message.subject);
    return subject.kind === 'fact' ? subject.correlationId : '';
  });
  return matchId(text, known);
}

/** A task that must exist, with what is stored about it. */
export interface KnownTask {
  readonly bus: Bus;
  readonly taskId: string;
  readonly facts: readonly Fact[];
}

/** Runs work on a task named as a person names it. @throws CliError when there is no such task */
export async function withTask<T>(settings: Settings, id: string, work: (task: KnownTask) => Promise<T>): Promise<T> {
  wholeId(id);
  return withBus(settings, async (bus) => {
    const taskId = await resolveTaskId(bus, id);
    const facts = await readFacts(bus, taskId);
    if (facts.length === 0) throw new CliError(2, await whyNoFacts(bus, taskId));
    return work({ bus, taskId, facts });
  });
}

/** A task whose facts are gone is not one that never was. */
async function whyNoFacts(bus: Bus, taskId: string): Promise<string> {
  const removed = await removalNote(bus, taskId);
  if (removed !== null) return `the trail of task ${taskId} was removed on ${removed.at}; it was ${removed.status}`;
  try {
    const kept = await recall(bus, taskId);
    if (kept !== null) {
      const result = kept.result === null ? '' : ', and its result is still kept: `Get` of the gateway tells it';
      return `the events of task ${taskId} have left the log by age; it is ${kept.status}${result}`;
    }
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return error.message;
  }
  return `there is no task ${taskId} in the log; \`mesh tasks\` lists them`;
}
