/**
 * A mesh in memory for the tests of the client of tasks: the log, and an orchestrator that says what a test tells it to.
 * Owns: writing facts as the mesh would. Does not own: the client.
 */

import {
  createMemoryBus,
  createMemoryLog,
  type MemoryBus,
  type MemoryLog,
  type MemoryLogOptions,
} from '../../../bus/memory-bus.ts';
import type { GatewayPorts } from '../../../gateway/core/ports.ts';
import {
  type EventName,
  type MeshEvent,
  serializeFacts,
  typeOf,
  validateEvent,
} from '../../../schemas/events/envelope.ts';
import type { DataByName, Result } from '../../../schemas/events/generated.ts';
import { outputEventId } from '../../../schemas/events/ids.ts';
import { factSubject } from '../../../schemas/events/subjects.ts';
import { traceparentFor } from '../../../schemas/events/trace-context.ts';
import type { Caller } from '../../../task-client/caller.ts';
import type { CallContext } from '../../../task-client/ports.ts';
import { obsSwitch } from '../../../telemetry/mode-bucket.ts';

export interface MemoryMesh {
  readonly log: MemoryLog;
  readonly bus: MemoryBus;
  readonly ports: GatewayPorts;
  /** Stores a fact of a task; the n-th of one task has a number of its own. */
  tell<N extends EventName>(task: string, number: number, name: N, data: DataByName[N]): Promise<void>;
  /** Stores facts of a task in one message. */
  tellAll(task: string, facts: readonly MeshEvent[]): Promise<void>;
  accept(task: string, prompt: string, caller?: string): Promise<void>;
  complete(task: string, answer: string): Promise<void>;
}

const END = 99;

export async function memoryMesh(options: MemoryLogOptions = {}): Promise<MemoryMesh> {
  const log = createMemoryLog(options);
  const bus = createMemoryBus(log);
  await bus.ensureTopology();
  const silent = (): void => undefined;
  const ports: GatewayPorts = {
    bus,
    observation: obsSwitch(bus.kv('config')),
    knowledge: () => Promise.reject(new Error('no knowledge base here')),
    catalog: () =>
      Promise.resolve({
        workflows: new Map([
          ['answer', 'Answers.'],
          ['build', 'Builds.'],
        ]),
        messageRoles: new Set(['orchestrator']),
      }),
    log: { debug: silent, info: silent, warn: silent, error: silent },
  };
  const tellAll: MemoryMesh['tellAll'] = async (task, facts) => {
    const { body, contentType } = serializeFacts(facts);
    await bus.publish({ subject: factSubject(task), body, headers: { 'content-type': contentType } });
  };
  const tell: MemoryMesh['tell'] = (task, number, name, data) => tellAll(task, [factEvent(task, number, name, data)]);
  return {
    log,
    bus,
    ports,
    tell,
    tellAll,
    accept: (task, prompt, caller = 'local') => tell(task, 1, 'task.accepted', { prompt, caller }),
    complete: (task, answer) => tell(task, END, 'task.completed', { result: resultOf(answer) }),
  };
}

export function resultOf(answer: string): Result {
  return {
    outcome: 'answered',
    answer,
    engine: 'test',
    citations: [],
    hops: [],
    messages: [],
    loops: { used: 0, max: 0 },
  };
}

/** The n-th fact of a task. */
export function factEvent<N extends EventName>(task: string, number: number, name: N, data: DataByName[N]): MeshEvent {
  const id = outputEventId(task, 'orchestrator', number, 0);
  const valid = validateEvent({
    specversion: '1.0',
    id,
    source: '/mesh/orchestrator',
    type: typeOf(name),
    subject: task,
    time: new Date(1_700_000_000_000 + number).toISOString(),
    datacontenttype: 'application/json',
    correlationid: task,
    causationid: 'test',
    hopindex: 0,
    remainingloops: 0,
    senderrole: 'orchestrator',
    recipientrole: 'watchers',
    release: 1,
    traceparent: traceparentFor(task, id),
    data,
  });
  if (!valid.ok) throw new Error(`${name}: ${valid.rejection.reason}`);
  return valid.value;
}

export const local: Caller = { name: 'local', role: 'admin' };

export function as(caller: Caller, more: Partial<CallContext> = {}): CallContext {
  return { caller, signal: new AbortController().signal, deadlineMs: null, traceparent: null, ...more };
}
