/**
 * The mesh as an MCP server. Owns: which tools are shown under which names, reading their arguments, and the words of
 * the answers. Does not own: doing anything (door.ts), or the transport.
 *
 * 1. A tool call is a task of the mesh: what must not be repeated is fenced there, and a client that goes away leaves
 *    a task that goes on.
 * 2. An answer comes within the time that clients wait by themselves; a task that takes longer is named, to be asked for.
 * 3. A repeated call with the same `_meta["dev.agentmesh/idempotency-key"]` is the same task.
 */
import { createHash } from 'node:crypto';
import { type CallToolResult, Server, type ServerContext, type Tool } from '@modelcontextprotocol/server';
import { z } from 'zod';
import manifest from '../package.json' with { type: 'json' };
import { DoorError, type MeshDoor, type OfferedTool, type TaskReport, type TaskRequest, type Waiting } from './door.ts';

/** Clients give up after 60 s unless told otherwise. */
const WAIT_S_DEFAULT = 50;
const WAIT_S_MAX = 3600;
const IDEMPOTENCY_KEY = 'dev.agentmesh/idempotency-key';

const id = z
  .string()
  .regex(/^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$/, 'must be a UUIDv4');
const waitSeconds = z
  .number()
  .min(0)
  .max(WAIT_S_MAX)
  .optional()
  .describe(`How long to wait for the end, seconds; ${WAIT_S_DEFAULT} by default. The task goes on afterwards.`);

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
    id: id.optional().describe('Name of the task (UUIDv4). The same id again is the same task, and gives its result.'),
    waitSeconds,
  }),
  task_status: z.strictObject({
    id,
    waitSeconds: waitSeconds.describe('Wait so long for its end, seconds; 0 by default.'),
  }),
  respond: z.strictObject({ id, text: z.string().min(1).describe('The answer to the question.'), waitSeconds }),
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

/** A server for one connection. */
export function createMeshMcpServer(door: MeshDoor): Server {
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
      return await call(door, params.name, params.arguments ?? {}, context);
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
    return { name, description, annotations, inputSchema: asObjectSchema(z.toJSONSchema(schema)) };
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

async function call(
  door: MeshDoor,
  name: string,
  args: Record<string, unknown>,
  context: ServerContext,
): Promise<CallToolResult> {
  switch (name) {
    case 'run': {
      const { waitSeconds: wait, ...task } = parsed('run', own.run, args);
      const key = taskIdOf(context);
      return told(
        await door.run(
          { ...given(task), ...(task.id === undefined && key !== null ? { id: key } : {}) },
          waiting(context, wait),
        ),
      );
    }
    case 'task_status': {
      const { id: taskId, waitSeconds: wait } = parsed('task_status', own.task_status, args);
      return told(await door.status(taskId, waiting(context, wait ?? 0)));
    }
    case 'respond': {
      const { id: taskId, text, waitSeconds: wait } = parsed('respond', own.respond, args);
      return told(await door.respond(taskId, text, waiting(context, wait)));
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
      const report = await door.callTool(tool.name, args, taskIdOf(context), waiting(context));
      return { ...told(report), ...(report.status === 'completed' ? {} : { isError: true }) };
    }
  }
}

function given({
  prompt,
  workflow,
  id: taskId,
  deadlineSeconds,
  priority,
  waitForModel,
}: z.infer<(typeof own)['run']>): TaskRequest {
  return {
    prompt,
    ...(deadlineSeconds === undefined ? {} : { deadlineMs: Math.round(deadlineSeconds * 1000) }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(taskId === undefined ? {} : { id: taskId.toLowerCase() }),
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

/** The task that this very call is, when the caller names its calls. */
function taskIdOf(context: ServerContext): string | null {
  const key = context.mcpReq._meta?.[IDEMPOTENCY_KEY];
  if (typeof key !== 'string' || key === '') return null;
  const hex = createHash('sha256').update(`mcp/${key}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
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

function told({ taskId, status, text, report }: TaskReport): CallToolResult {
  const ended = status === 'completed' || status === 'failed' || status === 'cancelled';
  const next =
    status === 'input_required'
      ? `\n\n(task ${taskId} waits for an answer: call respond with this id)`
      : ended
        ? ''
        : `\n\n(task ${taskId} goes on: call task_status with this id)`;
  return {
    ...said(`${text}${next}`, status === 'failed' || status === 'cancelled'),
    structuredContent: { ...report, taskId, status },
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
