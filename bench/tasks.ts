/**
 * Closed-loop load: so many callers, each submitting its next task when the last one has ended. Owns: submitting and
 * timing. Does not own: the mesh.
 */
import type { Bus } from '../bus/port.ts';
import { newCorrelationId } from '../schemas/events/ids.ts';
import { INGRESS_SUBJECT } from '../schemas/events/subjects.ts';
import { round } from './measure.ts';

export interface Load {
  readonly count: number;
  /** Of each task, submission to the arrival of its result. */
  readonly latenciesMs: readonly number[];
  readonly perSecond: number;
}

export interface RunningLoad extends Promise<Load> {
  /** Resolves when every caller's first task was accepted. */
  readonly accepted: Promise<void>;
}

const TIMEOUT_MS = 120_000;

export function runTasks(bus: Bus, { tasks, concurrency }: { tasks: number; concurrency: number }): RunningLoad {
  const started = new Map<string, { atMs: number; done: () => void }>();
  const latenciesMs: number[] = [];
  let acceptedCount = 0;
  const accepted = Promise.withResolvers<void>();
  const onFact = (subject: string, data: Uint8Array): void => {
    const id = subject.slice('mesh.events.'.length);
    const task = started.get(id);
    if (!task) return;
    const text = Buffer.from(data).toString('latin1');
    if (text.includes('"dev.agentmesh.task.accepted.v1"')) {
      acceptedCount += 1;
      if (acceptedCount === concurrency) accepted.resolve();
    }
    if (!text.includes('"dev.agentmesh.task.completed.v1"') && !text.includes('"dev.agentmesh.task.failed.v1"')) return;
    started.delete(id);
    latenciesMs.push(performance.now() - task.atMs);
    task.done();
  };
  const unsubscribe = bus.subscribeVolatile('mesh.events.*', onFact);
  const prompt = 'Five hops, please.';
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const id = newCorrelationId();
      const timer = setTimeout(
        () => reject(new Error(`the task ${id} did not end within ${TIMEOUT_MS} ms`)),
        TIMEOUT_MS,
      );
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      started.set(id, { atMs: performance.now(), done });
      bus.publish({ subject: INGRESS_SUBJECT, body: JSON.stringify({ id, prompt }) }).catch(reject);
    });
  let left = tasks;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  const beganMs = performance.now();
  const load = Promise.all(Array.from({ length: concurrency }, caller)).then(() => {
    unsubscribe();
    const seconds = (performance.now() - beganMs) / 1000;
    return { count: tasks, latenciesMs, perSecond: round(tasks / seconds) };
  });
  return Object.assign(load, { accepted: accepted.promise });
}
