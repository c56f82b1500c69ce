/**
 * Running a task again from one of its hops. Owns: finding in the log what a hop was given. Does not own: the new task.
 *
 * What the orchestrator asked of a role at a hop carries everything that the hops before had made, so that one event is
 * the whole beginning of the new task.
 */
import type { Bus } from '../bus/port.ts';
import { canonicalJson, type MeshEvent, parseEvent, validateData } from '../schemas/events/envelope.ts';
import { factsIn } from '../schemas/events/fact.ts';
import type { HopInput, TaskSubmittedData } from '../schemas/events/generated.ts';
import { contentHash } from '../schemas/events/ids.ts';
import { eventsBehind } from '../schemas/events/journal.ts';
import { factSubject, taskInboxFilter } from '../schemas/events/subjects.ts';
import type { TaskView } from '../schemas/events/task-view.ts';
import { invalidField, MeshError } from './errors.ts';
import { lastMessage } from './last-message.ts';
import { bytesOf, isNamed } from './requests.ts';
import { type Wishes, wishesOf } from './wishes.ts';

type Fork = NonNullable<TaskSubmittedData['fork']>;

/**
 * What the hop is to be given otherwise, by the names of a hop's input (`prompt`, `passages`, `code`, `review`, `tool`,
 * `note`); null leaves something out.
 */
export type ForkInput = Readonly<Record<string, unknown>>;

export interface ForkWish {
  /** Counted from 1. */
  readonly hop: number;
  readonly prompt?: string;
  readonly input?: ForkInput;
}

/** What the caller of the task wished of it goes along; not its key, which is the name of the task that it ran as. */
export interface ForkedTask extends Wishes {
  readonly prompt: string;
  readonly workflow: string;
  readonly fork: Fork;
}

/** @throws MeshError when the task has no such hop, or the log does not hold it any more */
export async function forkOf(
  bus: Bus,
  { view, traceparent }: { readonly view: TaskView; readonly traceparent: string | null },
  { hop, prompt, input = {} }: ForkWish,
): Promise<ForkedTask> {
  if (view.route === null) {
    throw new MeshError('failed_precondition', 'NOT_ROUTED', `the task has no hops yet; it is ${view.status}`);
  }
  const known = view.hops.map(({ index }) => index);
  if (!known.includes(hop)) {
    throw invalidField('hop', known.length === 0 ? 'the task has no hops' : `the task has hops ${known.join(', ')}`);
  }
  const request = await requestOfHop(bus, view.taskId, hop);
  if (request === null) {
    throw new MeshError('failed_precondition', 'HOP_EXPIRED', `hop ${hop} has left the log`);
  }
  const { prompt: newPrompt, ...artifacts } = given({ ...request.data.input, prompt: prompt ?? view.prompt }, input);
  const author = view.hops.findLast(
    (one) => one.index < hop && one.status === 'completed' && one.role !== 'reviewer' && one.engine !== '',
  );
  const workflow = await workflowOf(bus, view.taskId, hop);
  const begins = { step: request.data.step, remainingLoops: request.remainingloops, artifacts };
  const carried: Omit<Fork, 'origin'> = {
    ...begins,
    ...(author === undefined ? {} : { engine: author.engine }),
    ...(workflow === null ? {} : { workflow: workflow.whole }),
  };
  const fork: Fork = {
    origin: {
      ...{ correlationId: view.taskId, hop },
      ...(Object.keys(input).length > 0 ? { digest: digestOf(begins) } : {}),
      ...(traceparent === null ? {} : { traceparent }),
      bytes: bytesOf(carried),
    },
    ...carried,
  };
  const wishes = (await wishesOf(bus, view.taskId)) ?? {};
  return { prompt: newPrompt, workflow: workflow?.name ?? view.route.decision, fork, ...wishes };
}

/** Checked as a whole when the submission is (`checkData`). */
function given(input: HopInput, changes: ForkInput): HopInput {
  const { prompt } = changes;
  if (prompt !== undefined && typeof prompt !== 'string') throw invalidField('input.prompt', 'must be a text');
  const merged = Object.entries({ ...input, ...changes }).filter(([, value]) => value !== null);
  const whole = { ...Object.fromEntries(merged), prompt: prompt ?? input.prompt };
  const valid = validateData('hop.requested', { step: 'fork', attempt: 1, timeoutMs: 1000, input: whole });
  if (!valid.ok) throw invalidField('input', valid.rejection.reason.replace(/^data\.?input\.? */, ''));
  return valid.value.input;
}

function digestOf(begins: object): string {
  return contentHash(canonicalJson(begins));
}

/**
 * The workflow that the hop was a step of, as the task carried it: in the record of the routing that the hop followed.
 * Null when that has left the log; then its file is what is left.
 */
async function workflowOf(
  bus: Bus,
  correlationId: string,
  hop: number,
): Promise<{ readonly name: string; readonly whole: Record<string, unknown> } | null> {
  let begun = false;
  const message = await lastMessage(bus, factSubject(correlationId), (one) => {
    let isRouting = false;
    for (const { event } of factsIn(one)) {
      // A fact of the hop itself, or of a later one: what is decided now is not its workflow any more.
      begun ||= isNamed(event, 'hop.started') && event.data.index >= hop;
      if (isNamed(event, 'task.routed') && !begun) isRouting ||= (event.data.next ?? 'begin') === 'begin';
    }
    return isRouting;
  });
  const behind = message === null ? [] : await eventsBehind(bus, message, correlationId);
  const decided = behind.findLast(({ type }) => type === 'dev.agentmesh.effect.finished.v1');
  const data = decided === undefined ? null : validateData('effect.finished', decided.data);
  const output: unknown = data?.ok ? data.value.output : null;
  if (!isRecord(output) || !isRecord(output.workflow) || typeof output.workflow.name !== 'string') return null;
  return { name: output.workflow.name, whole: output.workflow };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type HopRequest = Pick<MeshEvent<'hop.requested'>, 'data' | 'remainingloops'>;

/** As it was sent to a role elsewhere, or as it stands in the record that the beginning of the hop rests on. */
async function requestOfHop(bus: Bus, correlationId: string, hop: number): Promise<HopRequest | null> {
  return (await sentRequest(bus, correlationId, hop)) ?? (await recordedRequest(bus, correlationId, hop));
}

async function recordedRequest(bus: Bus, correlationId: string, hop: number): Promise<HopRequest | null> {
  const began = await lastMessage(bus, factSubject(correlationId), (message) =>
    factsIn(message).some(({ event }) => isNamed(event, 'hop.started') && event.data.index === hop),
  );
  if (began === null) return null;
  const events = await eventsBehind(bus, began, correlationId);
  const found = events.find(({ type, hopindex }) => type === 'dev.agentmesh.hop.requested.v1' && hopindex === hop);
  const data = found === undefined ? null : validateData('hop.requested', found.data);
  return data?.ok ? { data: data.value, remainingloops: found?.remainingloops ?? 0 } : null;
}

async function sentRequest(bus: Bus, correlationId: string, hop: number): Promise<HopRequest | null> {
  const isIt = (event: MeshEvent): event is MeshEvent<'hop.requested'> =>
    isNamed(event, 'hop.requested') && event.hopindex === hop;
  const message = await lastMessage(bus, taskInboxFilter(correlationId), ({ data }) => {
    const parsed = parseEvent(data);
    return parsed.ok && isIt(parsed.value);
  });
  const parsed = message === null ? null : parseEvent(message.data);
  return parsed?.ok && isIt(parsed.value) ? parsed.value : null;
}
