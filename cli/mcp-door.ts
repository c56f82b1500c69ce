/**
 * What `mesh mcp` does for its clients, through the log like every other command. Owns: starting the mesh at need,
 * keeping one connection, waiting for tasks, and finding what a tool answered. Does not own: the protocol (mcp/serve.ts).
 */
import { existsSync } from 'node:fs';
import { connectBus } from '../bus/nats-bus.ts';
import type { Bus, StoredMessage } from '../bus/port.ts';
import { readCatalogue, TOOL_CATALOGUE_KEY } from '../bus/tool-catalogue.ts';
import { natsUrl, type Settings } from '../config/settings.ts';
import { DoorError, type MeshDoor, type TaskReport, type TaskRequest, type Waiting } from '../mcp/door.ts';
import { validateData } from '../schemas/events/envelope.ts';
import { BEGINNING, type Fact, factsIn } from '../schemas/events/fact.ts';
import { newCorrelationId } from '../schemas/events/ids.ts';
import { eventsBehind } from '../schemas/events/journal.ts';
import { factSubject } from '../schemas/events/subjects.ts';
import { emptyView, foldAll, type TaskView, toReport } from '../schemas/events/task-view.ts';
import { openKnowledge } from '../services/adapters/knowledge.ts';
import { CliError, toFailure } from './errors.ts';
import { followTask } from './follow-task.ts';
import { readFacts, submit, waitForFact } from './mesh-client.ts';
import { factLine } from './task-text.ts';
import { plain } from './terminal.ts';

/** A client asks for the tools right away; while the mesh is starting it gets those that are always there. */
const TOOLS_WAIT_MS = 5000;

export interface DoorOptions {
  readonly settings: Settings;
  /** Brings the mesh up. */
  readonly ensureMesh: () => Promise<void>;
  readonly note: (text: string) => void;
}

export function openMeshDoor({ settings, ensureMesh, note }: DoorOptions): MeshDoor {
  const listeners = new Set<() => void>();
  let opening: Promise<Bus> | null = null;
  const open = async (): Promise<Bus> => {
    await ensureMesh();
    const bus = await connectBus({ url: natsUrl(settings), name: 'mesh-mcp' });
    await bus.kv('registry').watch((key) => {
      if (key === TOOL_CATALOGUE_KEY) for (const listener of listeners) listener();
    });
    return bus;
  };
  /** One that failed is tried again by the next call. */
  const bus = (): Promise<Bus> => {
    opening ??= open().catch((error: unknown) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  const connected = async (): Promise<Bus> => {
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
      return up === null ? [] : readCatalogue(up);
    },
    onToolsChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    run: async (task, waiting) => reportOf(await submitted(await connected(), task, 'mesh mcp', waiting)),
    async callTool(name, args, id, waiting) {
      const prompt = `tool:${name} ${JSON.stringify(args)}`;
      const task: TaskRequest = { prompt, workflow: 'tool', ...(id === null ? {} : { id }) };
      const up = await connected();
      const view = await submitted(up, task, 'mesh mcp', waiting);
      const report = reportOf(view);
      const answer = view.status === 'completed' ? await toolAnswer(up, view.taskId) : null;
      return answer === null ? report : { ...report, text: answer };
    },
    async status(id, waiting) {
      const up = await connected();
      await known(up, id);
      return reportOf(await followed(up, id.toLowerCase(), waiting, undefined));
    },
    async respond(id, text, waiting) {
      const up = await connected();
      const view = await known(up, id);
      if (view.status !== 'input_required')
        throw new DoorError(`Task ${id} asks nothing: its status is ${view.status}.`);
      const facts = await readFacts(up, view.taskId);
      // The question is part of the event's id: the same answer to a later question of the task is another event.
      const asked = facts.findLast(({ event }) => event.type === 'dev.agentmesh.task.input.required.v1');
      await said(() => submit(up, view.taskId, 'task.input.provided', { text }, `${asked?.event.id ?? ''}/${text}`));
      await waitForFact(
        up,
        view.taskId,
        asked ?? BEGINNING,
        ({ event }) => event.type === 'dev.agentmesh.task.input.accepted.v1',
      );
      return reportOf(await followed(up, view.taskId, waiting, undefined));
    },
    async cancel(id, waiting) {
      const up = await connected();
      const view = await known(up, id);
      await said(() =>
        submit(up, view.taskId, 'task.cancel.requested', { reason: 'cancelled by an MCP client' }, 'mcp'),
      );
      return reportOf(await followed(up, view.taskId, waiting, undefined));
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
      await (await opening?.catch(() => null))?.close();
    },
  };
}

function afterMs(ms: number): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), ms).unref();
  });
}

/** What the schema of a submission refuses is told to the caller. */
async function said<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CliError) throw new DoorError(error.message, { cause: error });
    throw error;
  }
}

async function known(bus: Bus, id: string): Promise<TaskView> {
  const taskId = id.toLowerCase();
  const facts = await readFacts(bus, taskId);
  if (facts.length === 0) throw new DoorError(`There is no task ${taskId}.`);
  return foldAll(taskId, facts);
}

async function submitted(bus: Bus, task: TaskRequest, caller: string, waiting: Waiting): Promise<TaskView> {
  const taskId = task.id ?? newCorrelationId();
  if (task.id !== undefined) {
    const before = foldAll(taskId, await readFacts(bus, taskId));
    if (before.prompt !== '' && before.prompt !== task.prompt)
      throw new DoorError(`Task ${taskId} exists with another prompt.`);
  }
  const quarantine = await bus.streamInfo('quarantine');
  const { id: _id, ...wished } = task;
  const data = { ...wished, caller };
  const ack = await said(() => submit(bus, taskId, 'task.submitted', data, ''));
  return followed(bus, taskId, waiting, { seq: ack.seq, quarantineFromSeq: quarantine.lastSeq + 1 });
}

/** Until the task ends or asks, the time is over, or the client has gone: the task goes on in any case. */
async function followed(
  bus: Bus,
  taskId: string,
  { waitMs, signal, onProgress }: Waiting,
  submission: { seq: number; quarantineFromSeq: number } | undefined,
): Promise<TaskView> {
  const overtime = AbortSignal.timeout(Math.max(1, waitMs));
  let view = emptyView(taskId);
  const result = await followTask({
    bus,
    taskId,
    onFact: ({ event }, next) => {
      view = next;
      onProgress(factLine(event, next, plain));
    },
    signal: AbortSignal.any([signal, overtime]),
    ...(submission === undefined ? {} : { submission }),
  });
  switch (result.kind) {
    case 'settled':
      return result.view;
    case 'left':
      // What was stored before may not have been read yet when the time is short.
      return foldAll(taskId, await readFacts(bus, taskId));
    case 'refused':
      throw new DoorError(`The mesh did not accept the task: ${result.reason}`);
    default:
      throw new Error(`unhandled: ${String(result satisfies never)}, ${view.status}`);
  }
}

function reportOf(view: TaskView): TaskReport {
  return { taskId: view.taskId, status: view.status, text: textOf(view), report: toReport(view) };
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
      return view.question?.question ?? 'The task asks something.';
    case 'accepted':
    case 'running': {
      const hop = view.hops.at(-1);
      return hop === undefined ? 'The task waits to begin.' : `The task runs: step ${hop.step} (${hop.status}).`;
    }
    default:
      throw new Error(`unknown status ${JSON.stringify(view.status satisfies never)}`);
  }
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
