/**
 * The mesh as an MCP server. Owns: which tools are shown under which names, reading their arguments, and the words of
 * the answers. Does not own: doing anything (port.ts), or the transport.
 *
 * 1. A tool call is a task of the mesh: what must not be repeated is fenced there. A client that goes away leaves a task
 *    that goes on; one that cancels its call cancels the task that the call began.
 * 2. An answer comes within the time that clients wait by themselves; a task that takes longer is named, to be asked for.
 * 3. A repeated call with the same `key`, or the same `_meta["dev.agentmesh/idempotency-key"]`, is the same task.
 */
import {
  type CallToolResult,
  SdkError,
  SdkErrorCode,
  Server,
  type ServerContext,
  type Tool,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import { newCorrelationId } from '../../schemas/events/ids.ts';
import { readCorrelationId, whyNoId } from '../../schemas/events/subjects.ts';
import { blockOf } from '../attachments.ts';
import { DoorError, type MeshDoor, type OfferedTool, type TaskReport, type TaskRequest, type Waiting } from './port.ts';

/** Clients give up after 60 s unless told otherwise. */
const WAIT_S_DEFAULT = 50;
const WAIT_S_MAX = 3600;
/** As for every door. */
const KEY_CHARS_MAX = 128;
const IDEMPOTENCY_KEY = 'dev.agentmesh/idempotency-key';

const id = z.string().transform((text, context) => {
  const read = readCorrelationId(text);
  if (read !== null) return read;
  context.addIssue({ code: 'custom', message: whyNoId(text) });
  return z.NEVER;
});
const waitSeconds = z
  .number()
  .min(0)
  .max(WAIT_S_MAX)
  .optional()
  .describe(`How long to wait for the end, seconds; ${WAIT_S_DEFAULT} by default. The task goes on afterwards.`);

/** A cancel that nobody has taken by then is in the log, and is taken later. */
const CANCEL_WAIT_MS = 5000;
const never = new AbortController().signal;

const own = {
  run: z.strictObject({
    prompt: z.string().min(1).describe('What to do: a question, code to write or review, a calculation …'),
    workflow: z.string().optional().describe('answer, build, review, tool or direct; the router chooses when absent.'),
    deadlineSeconds: z.number().min(1).max(86_400).optional().describe('End the task after so many seconds of work.'),
    priority: z
      .enum(['high', 'normal', 'low'])
      .optional()
      .describe('How it stands beside other tasks where they wait; normal by default.'),
    waitForModel: z.boolean().optional().describe('Rather wait for the language model than have an answer without it.'),
    id: id.optional().describe('Id of the task (a UUID). The same id again is the same task, and gives its result.'),
    key: z
      .string()
      .min(1)
      .refine((text) => [...text].length <= KEY_CHARS_MAX, `has at most ${KEY_CHARS_MAX} characters`)
      .optional()
      .describe('In place of an id, a name of your own: the same key again is the same task.'),
    waitSeconds,
  }),
  task_status: z.strictObject({
    id,
    waitSeconds: waitSeconds.describe('Wait so long for its end, seconds; 0 by default.'),
  }),
  respond: z.strictObject({
    id,
    text: z.string().min(1).describe('The answer: one of the choices, where there are some.'),
    question: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('The question that is answered, such as q1; without it the first one that the task asked.'),
    waitSeconds,
  }),
  cancel: z.strictObject({ id }),
  search: z.strictObject({
    query: z.string().min(1).max(2000),
    limit: z.number().int().min(1).max(50).optional().describe('How many passages; 8 by default.'),
  }),
} as const;

type OwnName = keyof typeof own;

const about: Readonly<Record<OwnName, { description: string; annotations: Tool['annotations'] }>> = {
  run: {
    description:
      'Gives a task to the mesh and waits for its answer. The task survives crashes; when it takes longer than the wait, its id is returned for task_status.',
    annotations: { title: 'Run a task', readOnlyHint: false, openWorldHint: true },
  },
  task_status: {
    description: 'How a task is: its status, and its answer, question or error. Can wait for its end.',
    annotations: { title: 'Status of a task', readOnlyHint: true },
  },
  respond: {
    description: 'Answers the question of a task whose status is input_required.',
    annotations: { title: 'Answer a question', readOnlyHint: false },
  },
  cancel: {
    description: 'Cancels a task.',
    annotations: { title: 'Cancel a task', readOnlyHint: false, idempotentHint: true, destructiveHint: true },
  },
  search: {
    description: 'Searches the knowledge base of the mesh and returns the best passages with file and lines.',
    annotations: { title: 'Search the knowledge base', readOnlyHint: true },
  },
};

/**
 * A server for one connection.
 * @param closingCancels true where a client cancels a call by closing its connection, as the protocol has it over HTTP
 *   from its revision of 2026 on
 */
export function createMeshMcpServer(door: MeshDoor, closingCancels: () => boolean = () => false): Server {
  const server = new Server(
    { name: 'agent-mesh', title: 'Agent Mesh', version: manifest.version },
    {
      capabilities: { tools: { listChanged: true } },
      instructions:
        'run gives a task to the mesh. The other tools are those of the mesh; each call is a task too. A task that is not over after the wait goes on: ask task_status with its id.',
    },
  );
  server.setRequestHandler('tools/list', async () => ({
    tools: [...ownTools(), ...(await door.tools()).map(offered)],
  }));
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    try {
      return await call({ door, closingCancels }, params.name, params.arguments ?? {}, context);
    } catch (error) {
      if (error instanceof DoorError) return said(error.message, true);
      throw error;
    }
  });
  const ended = door.onToolsChanged(() => {
    // A client that has gone needs no news.
    server.sendToolListChanged().catch(() => undefined);
  });
  server.onclose = ended;
  return server;
}

function ownTools(): Tool[] {
  return Object.entries(own).map(([name, schema]) => {
    const { description, annotations } = about[name as OwnName];
    return { name, description, annotations, inputSchema: asObjectSchema(z.toJSONSchema(schema, { io: 'input' })) };
  });
}

function asObjectSchema(schema: object): Tool['inputSchema'] {
  const { $schema: _dialect, ...rest } = { $schema: '', ...schema };
  return { ...rest, type: 'object' };
}

/** `files.read` is shown as `files__read`: many clients allow letters, digits, - and _ only. */
function shownName(name: string): string {
  return name.replaceAll(/[./]/g, '__');
}

function offered({ name, description, inputSchema, fence }: OfferedTool): Tool {
  return {
    name: shownName(name),
    description,
    inputSchema: asObjectSchema(inputSchema),
    annotations: { readOnlyHint: fence === 'pure', idempotentHint: fence !== 'once' },
  };
}

interface Calling {
  readonly door: MeshDoor;
  readonly closingCancels: () => boolean;
}

/** Runs a task that this call begins, and cancels it when the client cancels the call. */
async function begun(
  { door, closingCancels }: Calling,
  { mcpReq: { signal } }: ServerContext,
  taskId: string,
  run: (taskId: string) => Promise<TaskReport>,
): Promise<TaskReport> {
  const report = await run(taskId);
  if (!signal.aborted || (isClosed(signal.reason) && !closingCancels())) return report;
  const isOver = report.status === 'completed' || report.status === 'failed' || report.status === 'cancelled';
  if (isOver) return report;
  const patience = { waitMs: CANCEL_WAIT_MS, signal: never, onProgress: () => undefined };
  return door.cancel(taskId, patience).catch((error: unknown) => {
    // It ended in the same moment.
    if (error instanceof DoorError) return report;
    throw error;
  });
}

/** The connection ended, and nobody said anything about the call. */
function isClosed(reason: unknown): boolean {
  return SdkError.isInstance(reason) && reason.code === SdkErrorCode.ConnectionClosed;
}

async function call(
  calling: Calling,
  name: string,
  args: Record<string, unknown>,
  context: ServerContext,
): Promise<CallToolResult> {
  const { door } = calling;
  switch (name) {
    case 'run': {
      const { waitSeconds: wait, ...task } = parsed('run', own.run, args);
      if (task.id !== undefined && task.key !== undefined) throw new DoorError('run takes an id or a key, not both.');
      const key = task.key ?? keyOf(context);
      const taskId = task.id ?? (key === null ? newCorrelationId() : door.idOfKey(key));
      const order = { ...given(task), ...(task.id === undefined && key !== null ? { key } : {}) };
      return told(
        await begun(calling, context, taskId, (one) => door.run({ ...order, id: one }, waiting(context, wait))),
      );
    }
    case 'task_status': {
      const { id: taskId, waitSeconds: wait } = parsed('task_status', own.task_status, args);
      return told(await door.status(taskId, waiting(context, wait ?? 0)));
    }
    case 'respond': {
      const { id: taskId, text, question, waitSeconds: wait } = parsed('respond', own.respond, args);
      const answer = { id: taskId, text, ...(question === undefined ? {} : { question }) };
      return told(await door.respond(answer, waiting(context, wait)));
    }
    case 'cancel':
      return told(await door.cancel(parsed('cancel', own.cancel, args).id, waiting(context)));
    case 'search': {
      const { query, limit } = parsed('search', own.search, args);
      return passages(await door.search(query, limit ?? 8));
    }
    default: {
      const tool = (await door.tools()).find((one) => shownName(one.name) === name);
      if (tool === undefined) throw new DoorError(`There is no tool ${name.slice(0, 100)}.`);
      const key = keyOf(context);
      const report = await begun(calling, context, key === null ? newCorrelationId() : door.idOfKey(key), (taskId) =>
        door.callTool(tool.name, args, { id: taskId, ...(key === null ? {} : { key }) }, waiting(context)),
      );
      return { ...told(report), ...(report.status === 'completed' ? {} : { isError: true }) };
    }
  }
}

function given({
  prompt,
  workflow,
  deadlineSeconds,
  priority,
  waitForModel,
}: z.infer<(typeof own)['run']>): Omit<TaskRequest, 'id' | 'key'> {
  return {
    prompt,
    ...(workflow === undefined ? {} : { workflow }),
    ...(deadlineSeconds === undefined ? {} : { timeLimitMs: Math.round(deadlineSeconds * 1000) }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
  };
}

function parsed<T>(name: OwnName, schema: z.ZodType<T>, args: unknown): T {
  const result = schema.safeParse(args);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  throw new DoorError(
    `${name} cannot be called like this: ${field === '' ? '' : `${field}: `}${issue?.message ?? 'wrong'}.`,
  );
}

/** The caller's own name of this very call; null when it names none. */
function keyOf(context: ServerContext): string | null {
  const key = context.mcpReq._meta?.[IDEMPOTENCY_KEY];
  if (typeof key !== 'string' || key === '') return null;
  if ([...key].length > KEY_CHARS_MAX)
    throw new DoorError(`${IDEMPOTENCY_KEY} has at most ${KEY_CHARS_MAX} characters.`);
  return key;
}

function waiting(context: ServerContext, seconds: number = WAIT_S_DEFAULT): Waiting {
  const { signal, _meta: meta } = context.mcpReq;
  const progressToken = meta?.progressToken;
  let progress = 0;
  return {
    waitMs: seconds * 1000,
    signal,
    onProgress(message) {
      if (progressToken === undefined) return;
      progress += 1;
      context.mcpReq
        .notify({ method: 'notifications/progress', params: { progressToken, progress, message } })
        // A client that has gone needs no news.
        .catch(() => undefined);
    },
  };
}

function said(text: string, isError = false): CallToolResult {
  return { content: [{ type: 'text', text }], ...(isError ? { isError } : {}) };
}

function told({ taskId, status, text, attachments, report }: TaskReport): CallToolResult {
  const ended = status === 'completed' || status === 'failed' || status === 'cancelled';
  const next =
    status === 'input_required'
      ? `\n\n(task ${taskId} waits for an answer: call respond with this id and its question)`
      : ended
        ? ''
        : `\n\n(task ${taskId} goes on: call task_status with this id)`;
  const { content, ...rest } = said(`${text}${next}`, status === 'failed' || status === 'cancelled');
  // What stands in the content is not told a second time.
  const { attachments: _attached, ...structured } = report;
  return {
    ...rest,
    content: [...content, ...attachments.map(blockOf).filter((block) => block !== null)],
    structuredContent: { ...structured, taskId, status },
  };
}

function passages(found: Awaited<ReturnType<MeshDoor['search']>>): CallToolResult {
  if (found.length === 0) return said('Nothing found.');
  const texts = found.map(
    ({ path, startLine, endLine, heading, text }) =>
      `${path}:${startLine}-${endLine}${heading === '' ? '' : ` (${heading})`}\n${text.trim()}`,
  );
  return { ...said(texts.join('\n\n---\n\n')), structuredContent: { passages: found.map((one) => ({ ...one })) } };
}
