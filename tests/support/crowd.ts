/**
 * A crowd of people who answer tasks: in random order, some twice, some two at once, by several doors, while processes are
 * killed. Owns: what they do, and holding what they were told against what happened. Does not own: the mesh.
 *
 * What must hold for each task: its deed happened once when the answer that was taken is yes, and never when it is no; and
 * every single answer was told what became of it: taken exactly when it is the one that the task took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '../../bus/nats-bus.ts';
import { createMeshClient, MeshCallError, type MeshClient } from '../../gateway/client/index.ts';
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { isEnded, type TaskView } from '../../schemas/events/task-view.ts';
import { openClient, type TaskClient } from '../../task-client/client.ts';
import { MeshError, toMeshError } from '../../task-client/errors.ts';
import type { CallContext } from '../../task-client/ports.ts';
import { createRandom, type Random } from '../chaos/random.ts';
import { gates, taking } from './gates.ts';
import type { Mesh } from './mesh.ts';

export interface CrowdOptions {
  readonly mesh: Mesh;
  /** Of the gateway's gRPC. */
  readonly address: string;
  readonly tasks: number;
  readonly seed: number;
  /** Services that are killed by turns while people answer; one every so many answers. */
  readonly kills: readonly string[];
  readonly answersBetweenKills: number;
  readonly note?: (text: string) => void;
}

export interface CrowdReport {
  readonly tasks: number;
  readonly answers: number;
  readonly taken: number;
  readonly late: number;
  readonly refused: number;
  readonly kills: number;
  readonly deeds: number;
  readonly seconds: number;
  /** What must not be; empty when everything held. */
  readonly lies: readonly string[];
}

/** One answer of one person. */
interface Press {
  readonly task: string;
  readonly person: string;
  readonly text: string;
  readonly door: 'client' | 'grpc';
}

type Told = 'taken' | 'ANSWERED_ALREADY' | 'NOT_A_CHOICE' | 'NOTHING_ASKED' | 'OTHER_QUESTION' | 'QUESTION_NOT_NAMED';

/** People at the same time; each waits for what becomes of the own answer. */
const AT_ONCE = 24;
/** A mesh whose processes are killed again and again gets there in the end. */
const PRESS_LIMIT_MS = 180_000;
const AGAIN_MS = 250;

export async function crowd(options: CrowdOptions): Promise<CrowdReport> {
  const { mesh, address, tasks, seed, note = () => undefined } = options;
  const beganAt = performance.now();
  const random = createRandom(seed);
  const silent = (): void => undefined;
  const bus = await connectBus({ url: mesh.nats.url, name: 'crowd' });
  const client = await openClient({ bus, log: { debug: silent, info: silent, warn: silent, error: silent } });
  const grpc = createMeshClient({ address });
  try {
    const ids = await waiting(mesh, tasks);
    note(`${ids.length} tasks wait for people`);
    const presses = planned(ids, random);
    const told = await pressed(presses, { client, grpc }, options);
    const views = await ended(client, ids);
    note('all tasks have ended');
    const lies = [
      ...ids.flatMap((id) => deedLies(mesh, views.get(id), id)),
      ...presses.flatMap((press, at) => told[at]?.flatMap((one) => pressLies(views.get(press.task), press, one)) ?? []),
    ];
    const all = told.flat();
    return {
      ...{ tasks, answers: all.length, taken: count(all, 'taken'), late: count(all, 'ANSWERED_ALREADY') },
      ...{ refused: count(all, 'NOT_A_CHOICE'), kills: Math.floor(presses.length / options.answersBetweenKills) },
      deeds: ids.reduce((sum, id) => sum + mesh.counter.deeds(pathOf(id)), 0),
      seconds: Math.round((performance.now() - beganAt) / 1000),
      lies,
    };
  } finally {
    grpc.close();
    await client.stop();
    await bus.close();
  }
}

function count(all: readonly Told[], what: Told): number {
  return all.filter((one) => one === what).length;
}

const pathOf = (id: string): string => `/deed/${id}`;

/** Submits them all and waits until each asks. */
async function waiting(mesh: Mesh, tasks: number): Promise<string[]> {
  const ids = Array.from({ length: tasks }, newCorrelationId);
  const workflow = gates(['pay']);
  await inTurns(ids, AT_ONCE, async (id) => {
    await mesh.submit(taking(workflow, mesh.counter.prompt('http_post', pathOf(id))), id);
    await mesh.watch.fact(id, 'task.input.required');
  });
  return ids;
}

/** Yes or no; some say something else first, some press twice, some are two who disagree. */
function planned(ids: readonly string[], random: Random): Press[] {
  const presses = ids.flatMap((task): Press[] => {
    const door = random.pick(['client', 'client', 'grpc'] as const);
    const text = random.pick(['yes', 'yes', 'no', ' YES ']);
    const one: Press = { task, person: 'ada', text, door };
    const other: Press = { ...one, person: 'bob', text: text === 'no' ? 'yes' : 'no', door: 'client' };
    switch (random.between(0, 5)) {
      case 0:
        return [one, one];
      case 1:
      case 2:
        return [one, other];
      case 3:
        return [{ ...one, text: random.pick(['ok, do not run it', 'да', '"yes"']) }, one];
      default:
        return [one];
    }
  });
  for (let at = presses.length - 1; at > 0; at -= 1) {
    const to = random.between(0, at);
    [presses[at], presses[to]] = [presses[to] as Press, presses[at] as Press];
  }
  return presses;
}

interface Doors {
  readonly client: TaskClient;
  readonly grpc: MeshClient;
}

/** What each press was told; a task that was only refused is answered at the end by somebody who reads the choices. */
async function pressed(presses: readonly Press[], doors: Doors, options: CrowdOptions): Promise<Told[][]> {
  const { mesh, kills, answersBetweenKills, note = () => undefined } = options;
  const told: Told[][] = presses.map(() => []);
  let done = 0;
  let killing: Promise<void> = Promise.resolve();
  await inTurns(presses.keys(), AT_ONCE, async (at) => {
    const press = presses[at];
    if (press === undefined) return;
    told[at]?.push(await pressOnce(press, doors));
    done += 1;
    if (done % answersBetweenKills !== 0 || kills.length === 0) return;
    const victim = kills[(done / answersBetweenKills - 1) % kills.length] ?? '';
    killing = killing.then(async () => {
      note(`${done} answers given; ${victim} is killed`);
      await mesh.service(victim).kill();
    });
  });
  await killing;
  await inTurns(presses.keys(), AT_ONCE, async (at) => {
    const press = presses[at];
    if (press === undefined || told[at]?.[0] !== 'NOT_A_CHOICE') return;
    told[at]?.push(await pressOnce({ ...press, text: 'no', person: 'eve', door: 'client' }, doors));
  });
  return told;
}

async function pressOnce({ task, person, text, door }: Press, { client, grpc }: Doors): Promise<Told> {
  try {
    if (door === 'grpc') await grpc.respond(task, text, { questionId: 'q1', timeoutMs: PRESS_LIMIT_MS });
    else await again(() => client.tasks.respond({ correlationId: task, text, questionId: 'q1' }, as(person)));
    return 'taken';
  } catch (error) {
    if (error instanceof MeshCallError || error instanceof MeshError) return error.reason as Told;
    throw error;
  }
}

/** Calls again while the log or the mesh is away: an answer that is given again is the same answer. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PRESS_LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (thrown) {
      if (toMeshError(thrown).code !== 'unavailable' || performance.now() > deadline) throw thrown;
      await sleep(AGAIN_MS);
    }
  }
}

async function ended(client: TaskClient, ids: readonly string[]): Promise<Map<string, TaskView>> {
  const views = new Map<string, TaskView>();
  await inTurns(ids, AT_ONCE, async (id) => {
    const how = { until: ({ status }: TaskView) => isEnded(status), onFact: () => undefined };
    const signal = AbortSignal.timeout(PRESS_LIMIT_MS);
    views.set(id, (await again(() => client.tasks.follow(id, as('auditor', signal), how))).view);
  });
  return views;
}

function deedLies(mesh: Mesh, view: TaskView | undefined, id: string): string[] {
  const answers = view?.turns.filter(({ kind }) => kind === 'answer') ?? [];
  const deeds = mesh.counter.deeds(pathOf(id));
  if (answers.length !== 1) return [`${id} took ${answers.length} answers`];
  const isYes = answers[0]?.text.trim().toLowerCase() === 'yes';
  const status = isYes ? 'completed' : 'failed';
  return [
    ...(deeds === (isYes ? 1 : 0)
      ? []
      : [`${id} was answered ${answers[0]?.text}, and its deed was done ${deeds} times`]),
    ...(view?.status === status
      ? []
      : [`${id} was answered ${answers[0]?.text}, and is ${view?.status}: ${view?.result?.error?.message}`]),
  ];
}

/** What a person was told, held against the answer that the task took. */
function pressLies(view: TaskView | undefined, press: Press, told: Told): string[] {
  const { task, person, text, door } = press;
  const taken = view?.turns.find(({ kind }) => kind === 'answer');
  const who = door === 'grpc' ? 'local' : person;
  // The second press of somebody whose first one was no choice is eve's.
  const isOwn = (taken?.caller === who && taken.text === text) || (taken?.caller === 'eve' && told === 'taken');
  const lie = (what: string): string[] => [`${task}: ${who} said ${text} and was told ${told}, but ${what}`];
  switch (told) {
    case 'taken':
      return isOwn ? [] : lie(`${taken?.caller} said ${taken?.text} first`);
    case 'ANSWERED_ALREADY':
      return taken !== undefined && !(taken.caller === who && taken.text === text) ? [] : lie('that answer was taken');
    case 'NOT_A_CHOICE':
      return ['yes', 'no'].includes(text.trim().toLowerCase()) ? lie('it is one') : [];
    default:
      // The task may have ended before the answer came to it.
      return told === 'NOTHING_ASKED' && taken !== undefined && !isOwn ? [] : lie('that is no answer to it');
  }
}

function as(name: string, signal: AbortSignal = new AbortController().signal): CallContext {
  return { caller: { name, role: 'admin' }, signal, deadlineMs: null, traceparent: null };
}

async function inTurns<T>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
