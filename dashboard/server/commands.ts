/**
 * What a person does from a page. Owns: checking the command, calling the gateway, and saying how it went. Does not own:
 * rights (the gateway's), or what a command means.
 */
import { z } from 'zod';
import { BusError } from '../../bus/port.ts';
import { MeshCallError, type MeshClient, Mode } from '../../gateway/client/index.ts';
import { readCorrelationId } from '../../schemas/events/subjects.ts';
import type { Command, Outcome } from '../wire.ts';
import type { Hub } from './hub.ts';

const CALL_LIMIT_MS = 10_000;
const id = z.string().transform((text, context) => {
  const read = readCorrelationId(text);
  if (read !== null) return read;
  context.addIssue({ code: 'custom', message: 'this is no id of a task' });
  return z.NEVER;
});
const prompt = z
  .string()
  .trim()
  .min(1, 'say what the mesh should do')
  .max(262_144, 'a prompt has 262,144 characters at most');

const WINDOW_BOUNDS = 'a window is open for a second at least and an hour at most';

const command = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('submit'), prompt, workflow: z.string().max(32), id }),
  z.object({ kind: z.literal('cancel'), task: id, reason: z.string().max(2000) }),
  z.object({
    kind: z.literal('respond'),
    task: id,
    text: z.string().trim().min(1, 'write an answer').max(20_000, 'an answer has 20,000 characters at most'),
    question: z.string().min(1).max(200),
  }),
  z.object({
    kind: z.literal('fork'),
    task: id,
    hop: z.number().int().min(1).max(1000),
    prompt: z.string().max(262_144),
    id,
  }),
  z.object({ kind: z.literal('redrive'), seq: z.number().int().positive() }),
  z.object({ kind: z.literal('mode'), mode: z.enum(['shipping', 'debug']) }),
  z.object({
    kind: z.literal('window'),
    forMs: z.number().int().min(1000, WINDOW_BOUNDS).max(3_600_000, WINDOW_BOUNDS).nullable(),
  }),
  z.object({ kind: z.literal('kill'), service: z.string().min(1).max(32) }),
]);

export interface CommandPorts {
  readonly client: MeshClient;
  readonly hub: Hub;
  readonly redrive: (seq: number) => Promise<{ readonly sentAs: number } | string>;
  /** A text says why it was not done. */
  readonly kill: (service: string) => string | null;
}

/** A text says what is wrong with it. */
export function readCommand(body: unknown): z.output<typeof command> | string {
  const parsed = command.safeParse(body);
  return parsed.success ? parsed.data : (parsed.error.issues[0]?.message ?? 'this is no command');
}

export async function runCommand(ports: CommandPorts, body: unknown): Promise<Outcome> {
  const order = readCommand(body);
  if (typeof order === 'string') return refused('invalid', order);
  try {
    return await run(ports, order);
  } catch (error) {
    if (error instanceof MeshCallError) return refused(error.reason || error.code, error.message);
    if (error instanceof BusError) return refused(error.code, error.message);
    throw error;
  }
}

async function run({ client, hub, redrive, kill }: CommandPorts, order: Command): Promise<Outcome> {
  const limit = { timeoutMs: CALL_LIMIT_MS };
  switch (order.kind) {
    case 'submit': {
      const { prompt, workflow, id: correlationId } = order;
      const { task } = await client.submit({ prompt, workflow, correlationId }, limit);
      return { ok: true, task: task.correlationId };
    }
    case 'cancel': {
      await client.cancel(order.task, order.reason, limit);
      return { ok: true, task: order.task };
    }
    case 'respond': {
      const open = hub.board.row(order.task)?.question ?? null;
      if (open === null) return refused('answered', 'this question was answered meanwhile, or the task has ended');
      if (open.id !== order.question) return refused('changed', 'the task asks something else by now; look again');
      // The task alone judges it: a question of a task of an older release has no name.
      const named = NAMED_QUESTION.test(order.question) ? { questionId: order.question } : {};
      await client.respond(order.task, order.text, { ...limit, ...named });
      return { ok: true, task: order.task };
    }
    case 'fork': {
      const { task: correlationId, hop, prompt, id: newCorrelationId } = order;
      const { task } = await client.fork({ correlationId, hop, prompt, newCorrelationId }, limit);
      return { ok: true, task: task.correlationId };
    }
    case 'redrive': {
      const done = await redrive(order.seq);
      if (typeof done === 'string') return refused('gone', done);
      return { ok: true, note: `Sent again as number ${done.sentAs} of the log.` };
    }
    case 'mode': {
      await client.setMode(order.mode === 'debug' ? Mode.DEBUG : Mode.SHIPPING, limit);
      return { ok: true };
    }
    case 'window': {
      await client.setWindow(order.forMs, limit);
      return { ok: true };
    }
    case 'kill': {
      const problem = kill(order.service);
      return problem === null ? { ok: true } : refused('not_killed', problem);
    }
    default:
      throw new Error(`no such command: ${JSON.stringify(order satisfies never)}`);
  }
}

/** As tasks name their questions: `q1`, `q2`. */
const NAMED_QUESTION = /^q\d+$/;

function refused(code: string, message: string): Outcome {
  return { ok: false, code, message };
}
