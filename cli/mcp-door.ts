/**
 * What `mesh mcp` does for its clients, through the log like every other command. Owns: starting the mesh at need,
 * keeping one connection, waiting for tasks, and finding what a tool answered. Does not own: the protocol (mcp/server/server.ts).
 */
import { existsSync } from 'node:fs';
import { TOOL_CATALOGUE_KEY } from '../bus/layout.ts';
import { connectBus } from '../bus/nats-bus.ts';
import type { Bus, StoredMessage } from '../bus/port.ts';
import { natsAccess } from '../config/nats-access.ts';
import type { Settings } from '../config/settings.ts';
import { DoorError, type MeshDoor, type TaskReport, type TaskRequest, type Waiting } from '../mcp/server/port.ts';
import { readCatalogue } from '../registry/tool-catalogue.ts';
import { validateData } from '../schemas/events/envelope.ts';
import { type Fact, factsIn } from '../schemas/events/fact.ts';
import { correlationIdOfKey } from '../schemas/events/ids.ts';
import { eventsBehind } from '../schemas/events/journal.ts';
import { factSubject } from '../schemas/events/subjects.ts';
import { type TaskView, toReport } from '../schemas/events/task-view.ts';
import { openKnowledge } from '../services/adapters/knowledge.ts';
import { readSigning } from '../services/adapters/signing.ts';
import type { TaskClient } from '../task-client/client.ts';
import { MeshError } from '../task-client/errors.ts';
import type { CallContext } from '../task-client/ports.ts';
import { isSettled } from '../task-client/tasks.ts';
import { toFailure } from './errors.ts';
import { asCaller, openCliClient } from './mesh-client.ts';
import { factLine } from './task-text.ts';
import { plain } from './terminal.ts';

/** A client asks for the tools right away; while the mesh is starting it gets those that are always there. */
const TOOLS_WAIT_MS = 5000;

/** Whose tasks these are. */
const CALLER = 'mesh mcp';
/** A timer cannot wait longer. */
const WAIT_MS_MAX = 2_147_483_647;

interface Connected {
  readonly bus: Bus;
  readonly client: TaskClient;
}

export interface DoorOptions {
  readonly settings: Settings;
  /** Brings the mesh up. */
  readonly ensureMesh: () => Promise<void>;
  readonly note: (text: string) => void;
}

export function openMeshDoor({ settings, ensureMesh, note }: DoorOptions): MeshDoor {
  const listeners = new Set<() => void>();
  let opening: Promise<Connected> | null = null;
  const open = async (): Promise<Connected> => {
    await ensureMesh();
    const bus = await connectBus({
      ...natsAccess(settings, 'owner'),
      name: 'mesh-mcp',
      signing: readSigning(settings) ?? undefined,
    });
    await bus.kv('registry').watch((key) => {
      if (key === TOOL_CATALOGUE_KEY) for (const listener of listeners) listener();
    });
    return { bus, client: await openCliClient(bus, settings) };
  };
  /** One that failed is tried again by the next call. */
  const bus = (): Promise<Connected> => {
    opening ??= open().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const connected = async (): Promise<Connected> => {
    try {
      return await bus();
    } catch (error) {
      throw new DoorError(`The mesh cannot be reached: ${toFailure(error).message}`);
    }
  };
  bus().then(
    () => {
      for (const listener of listeners) listener();
    },
    (error: unknown) => note(`the mesh is not up: ${toFailure(error).message}`),
  );

  return {
    async tools() {
      const up = await Promise.race([connected().catch(() => null), afterMs(TOOLS_WAIT_MS)]);
      return up === null ? [] : readCatalogue(up.bus);
    },
    onToolsChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    idOfKey: (key) => correlationIdOfKey(CALLER, key),
    run: async (task, waiting) => reportOf(await submitted((await connected()).client, task, waiting)),
    async callTool(name, args, named, waiting) {
      const prompt = `tool:${name} ${JSON.stringify(args)}`;
      const task: TaskRequest = { prompt, workflow: 'tool', ...named };
      const up = await connected();
      const view = await submitted(up.client, task, waiting);
      const report = reportOf(view);
      const answer = view.status === 'completed' ? await toolAnswer(up.bus, view.taskId) : null;
      return answer === null ? report : { ...report, text: answer };
    },
    async status(id, waiting) {
      const { client } = await connected();
      return reportOf(await said(() => followed(client, id.toLowerCase(), waiting)));
    },
    async respond({ id, text, question }, waiting) {
      const { client } = await connected();
      const correlationId = id.toLowerCase();
      const order = {
        ...{ correlationId, text: text.trim() },
        ...(question === undefined ? {} : { questionId: question }),
      };
      await said(() => client.tasks.respond(order, asClient({ signal: waiting.signal })));
      return reportOf(await followed(client, correlationId, waiting));
    },
    async cancel(id, waiting) {
      const { client } = await connected();
      const context = asClient({ signal: waiting.signal });
      const { view } = await said(() => client.tasks.cancel(id.toLowerCase(), 'cancelled by an MCP client', context));
      return reportOf(view);
    },
    async search(query, limit) {
      if (!existsSync(settings.MESH_KNOWLEDGE_PATH) && settings.CHROMA_URL === undefined)
        throw new DoorError('There is no knowledge base yet; make one with `mesh index PATH…`.');
      const store = openKnowledge(settings);
      try {
        return (await store.search(query, { limit })).passages;
      } finally {
        await store.close();
      }
    },
    async close() {
      listeners.clear();
      const up = await opening?.catch(() => null);
      await up?.client.stop();
      await up?.bus.close();
    },
  };
}

/** The client of an editor or another agent, started by the person at this machine. */
function asClient(more: Parameters<typeof asCaller>[1]): CallContext {
  return asCaller(CALLER, { ...more, door: 'mcp' });
}

function afterMs(ms: number): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), ms).unref();
  });
}

/** What the mesh refuses is told to the caller. */
async function said<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MeshError) throw new DoorError(capital(error.message), { cause: error });
    throw error;
  }
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Until the task ends or asks, the time is over, or the client has gone: the task goes on in any case. */
async function submitted(client: TaskClient, task: TaskRequest, waiting: Waiting): Promise<TaskView> {
  const { id: correlationId, ...wished } = task;
  const submission = { ...wished, correlationId };
  const { signal, waitMs } = waiting;
  const beganAtMs = performance.now();
  const { view } = await said(() => client.tasks.submit(submission, asClient({ signal, takenWithinMs: waitMs })));
  const leftMs = Math.max(1, waitMs - (performance.now() - beganAtMs));
  return followed(client, view.taskId, { ...waiting, waitMs: leftMs });
}

async function followed(
  client: TaskClient,
  taskId: string,
  { waitMs, signal, onProgress }: Waiting,
): Promise<TaskView> {
  const overtime = AbortSignal.timeout(Math.ceil(Math.max(1, Math.min(waitMs, WAIT_MS_MAX))));
  const either = AbortSignal.any([signal, overtime]);
  const onFact = ({ event }: Fact, view: TaskView): void => onProgress(factLine(event, view, plain));
  try {
    const how = { until: isSettled, onFact };
    return (await client.tasks.follow(taskId, asClient({ signal: either }), how)).view;
  } catch (error) {
    if (!either.aborted) throw error;
    return (await client.tasks.get(taskId, asClient({}))).view;
  }
}

function reportOf(view: TaskView): TaskReport {
  const attachments = view.result?.attachments ?? [];
  return { taskId: view.taskId, status: view.status, text: textOf(view), attachments, report: toReport(view) };
}

function textOf(view: TaskView): string {
  switch (view.status) {
    case 'completed':
      return view.result?.answer ?? '';
    case 'failed':
    case 'cancelled': {
      const why = view.result?.error?.message;
      return `The task ${view.status === 'failed' ? 'failed' : 'was cancelled'}${why === undefined ? '.' : `: ${why}`}`;
    }
    case 'input_required':
      return questionText(view);
    case 'accepted':
    case 'running': {
      const hop = view.hops.at(-1);
      return hop === undefined ? 'The task waits to begin.' : `The task runs: step ${hop.step} (${hop.status}).`;
    }
    default:
      throw new Error(`unknown status ${JSON.stringify(view.status satisfies never)}`);
  }
}

function questionText({ question }: TaskView): string {
  if (question === null) return 'The task asks something.';
  const { question: text, questionId, choices } = question;
  const answers = choices.length > 0 ? ` Answers: ${choices.join(' | ')}.` : '';
  return `${text}${answers} (question ${questionId})`;
}

/** Word for word what the tool answered: the task's own answer may tell it in other words. */
async function toolAnswer(bus: Bus, taskId: string): Promise<string | null> {
  let finished: StoredMessage | null = null;
  const reader = await bus.read({
    filter: factSubject(taskId),
    fromSeq: 1,
    onMessage(message) {
      const isTools = ({ event }: Fact): boolean =>
        event.type === 'dev.agentmesh.hop.finished.v1' && event.data.hop.role === 'tools';
      if (factsIn(message).some(isTools)) finished = message;
    },
    onError: () => undefined,
  });
  await reader.caughtUp;
  await reader.stop();
  const behind = finished === null ? [] : await eventsBehind(bus, finished, taskId);
  let answer: string | null = null;
  for (const { type, data } of behind) {
    const reply = type === 'dev.agentmesh.hop.replied.v1' ? validateData('hop.replied', data) : null;
    if (reply?.ok) answer = reply.value.output?.tool?.result ?? answer;
  }
  return answer;
}
