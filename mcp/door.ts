/**
 * What a mesh offers to clients of `mesh mcp`, as its server sees it. Owns: the form. Does not own: doing it
 * (cli/mcp-door.ts), or the protocol (serve.ts).
 */
import type { Priority } from '../schemas/events/generated.ts';

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
  /** UUIDv4; the same id is the same task. */
  readonly id?: string;
  readonly deadlineMs?: number;
  readonly priority?: Priority;
  /** Rather wait for the language model than have an answer without it. */
  readonly waitForModel?: boolean;
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
  run(task: TaskRequest, waiting: Waiting): Promise<TaskReport>;
  /** Runs a tool as a task of its own, so that its fence holds; `text` is what the tool answered. */
  callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    id: string | null,
    waiting: Waiting,
  ): Promise<TaskReport>;
  /** @throws DoorError when there is no such task */
  status(id: string, waiting: Waiting): Promise<TaskReport>;
  respond(id: string, text: string, waiting: Waiting): Promise<TaskReport>;
  cancel(id: string, waiting: Waiting): Promise<TaskReport>;
  search(
    query: string,
    limit: number,
  ): Promise<readonly { path: string; startLine: number; endLine: number; heading: string; text: string }[]>;
  close(): Promise<void>;
}
