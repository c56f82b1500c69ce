/**
 * What each part of a process tells the registry about itself. Owns: the words. Does not own: a part, or the heartbeat
 * that carries this.
 */

/** All optional: a part says what it knows. What several parts say is added up (`heartbeat-form.ts`). */
export interface Capacity {
  /** Beside those that every process has. */
  readonly threads?: number;
  /** For a look at the part alone; the registry shows the memory of the process. */
  readonly memoryMb?: number;
  /** What the process may need with this part, its heap included, MiB: raises the memory cap to that. */
  readonly memoryLimitMb?: number;
  /** What the part needs outside of the JavaScript heap (a model and its KV cache, say), MiB: is added to the memory cap. */
  readonly nativeMemoryMb?: number;
  /** Requests that wait. */
  readonly queueDepth?: number;
  /** Requests that could begin at once. */
  readonly freeSlots?: number;
  readonly tokensPerSecond?: number;
}

export interface PartStatus {
  /** Tags such as `tool:calculator`, `model:qwen2.5-3b`, `language:python`, `store:chroma`. */
  readonly capabilities?: readonly string[];
  readonly capacity?: Capacity;
  /** What does not work as configured, and what does the work instead, for people. */
  readonly problems?: readonly string[];
  /** Why it takes new work late, or null: its queue is nearly full, say. */
  readonly saturated?: string | null;
}

/** An adapter with what it says of itself. */
export interface Part<P> {
  readonly port: P;
  status(): PartStatus;
  /** Called when the service is ready: begins what takes long to get ready itself, without being waited for. */
  start?(): void;
  /** Called at a stop, after the host has stopped. */
  close?(): Promise<void>;
}
