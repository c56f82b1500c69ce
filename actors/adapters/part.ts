/**
 * What each part of a process tells the registry about itself. Owns: the words. Does not own: a part, or the heartbeat
 * that carries this.
 */

/** All optional: a part says what it knows. */
export interface Capacity {
  readonly threads?: number;
  readonly memoryMb?: number;
  readonly memoryLimitMb?: number;
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
