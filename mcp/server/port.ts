/**
 * What a mesh offers to clients of `mesh mcp`, as its server sees it. Owns: the form. Does not own: doing it
 * (cli/mcp-door.ts), or the protocol (server.ts).
 */
import type { Part, Priority } from '../../schemas/events/generated.ts';

export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: object;
  readonly fence: 'pure' | 'keyed' | 'once';
}

/** How a task is, or ended. */
export interface TaskReport {
  readonly taskId: string;
  readonly status: 'accepted' | 'running' | 'input_required' | 'completed' | 'failed' | 'cancelled';
  /** The answer, the question to a person, or why it failed; what is going on while it runs. */
  readonly text: string;
  /** What a tool gave besides text. */
  readonly attachments: readonly Part[];
  /** Everything, as `mesh run --json` prints it. */
  readonly report: Readonly<Record<string, unknown>>;
}

export interface Waiting {
  /** After that the report says how the task is; it goes on. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (note: string) => void;
}

export interface TaskRequest {
  readonly prompt: string;
  readonly workflow?: string;
  /** The same id is the same task. */
  readonly id: string;
  /** The caller's own name of it, of which the id was derived. */
  readonly key?: string;
  /** Time the mesh may work on it, milliseconds. */
  readonly timeLimitMs?: number;
  readonly priority?: Priority;
  /** Rather wait for the language model than have an answer without it. */
  readonly waitForModel?: boolean;
}

export interface TaskAnswer {
  /** Of the task. */
  readonly id: string;
  readonly text: string;
  /** The question that was seen; absent: the first one. */
  readonly question?: string;
}

/** What the caller did wrong, or what is not there; the message is for the caller. */
export class DoorError extends Error {
  override readonly name = 'DoorError';
}

export interface MeshDoor {
  /** Tools of the mesh; empty while it is still starting. */
  tools(): Promise<readonly OfferedTool[]>;
  /** Calls back when the list has changed. Returns the function that ends it. */
  onToolsChanged(listener: () => void): () => void;
  /** The id of the task that a caller names by a key. */
  idOfKey(key: string): string;
  run(task: TaskRequest, waiting: Waiting): Promise<TaskReport>;
  /** Runs a tool as a task of its own, so that its fence holds; `text` is what the tool answered. */
  callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    task: Pick<TaskRequest, 'id' | 'key'>,
    waiting: Waiting,
  ): Promise<TaskReport>;
  /** @throws DoorError when there is no such task */
  status(id: string, waiting: Waiting): Promise<TaskReport>;
  /** @throws DoorError when the answer is not taken; the message says why, and what is asked */
  respond(answer: TaskAnswer, waiting: Waiting): Promise<TaskReport>;
  /** @throws DoorError also when the task has ended another way */
  cancel(id: string, waiting: Waiting): Promise<TaskReport>;
  search(
    query: string,
    limit: number,
  ): Promise<readonly { path: string; startLine: number; endLine: number; heading: string; text: string }[]>;
  close(): Promise<void>;
}
