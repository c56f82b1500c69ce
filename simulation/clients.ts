/**
 * Whoever uses the mesh in a run: callers that submit, resubmit and cancel, a person who answers questions, and somebody
 * who sends garbage. Owns: carrying the workload out, patiently. Does not own: what is in it, or what must come of it.
 */
import { createMemoryBus, type MemoryBus, type MemoryLog } from '../bus/memory-bus.ts';
import { BusError, type PublishRequest } from '../bus/port.ts';
import type { MeshEvent } from '../schemas/events/envelope.ts';
import type { TaskSubmittedData } from '../schemas/events/generated.ts';
import type { Catalog } from './catalog.ts';
import type { History, Stored } from './history.ts';
import { makePoison } from './poison.ts';
import type { Random } from './random.ts';
import type { Report } from './report.ts';
import type { Scheduler } from './scheduler.ts';
import type { Disturbance, Fork, Submission, Workload } from './workload.ts';

/** Marks what a client sent, so that the checks find it in the log. */
export const SENT_AS = 'sim-sent-as';
export const POISON = 'sim-poison';

const FORKED_FROM = '00000000-0000-4000-8000-000000000000';
const RETRY_MS = 300;
/** A person who was not heard says it again. */
const ASK_AGAIN_MS = 6000;

export interface ClientOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly report: Report;
  readonly log: MemoryLog;
  readonly history: History;
  readonly catalog: Catalog;
  readonly workload: Workload;
}

export class Clients {
  readonly #options: ClientOptions;
  #bus: MemoryBus | null = null;
  /** Deeds that are not done yet. */
  #pending = 0;
  readonly #acknowledged = new Set<number>();
  /** Open questions by task: the id of the fact that asks. */
  readonly #questions = new Map<string, string>();
  /** A fact is news once, however often it arrives. */
  readonly #heard = new Map<string, string>();
  #answers = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    options.history.listen((stored) => this.#watch(stored));
  }

  get idle(): boolean {
    return this.#pending === 0 && this.#questions.size === 0;
  }

  start(): void {
    const { workload, report } = this.#options;
    for (const [index, submission] of workload.submissions.entries()) {
      this.#do(submission.atMs, async () => {
        if (submission.fork !== null) report.count('client fork');
        await this.#send(submit(submission));
        this.#acknowledged.add(index);
      });
    }
    for (const [index, disturbance] of workload.disturbances.entries()) {
      this.#do(disturbance.atMs, () => this.#disturb(disturbance, index));
    }
  }

  /** Sends what a dead process had given to the network already. */
  afterwards(request: PublishRequest): void {
    this.#connection()
      ?.publish(request)
      .catch((error: unknown) => {
        if (!(error instanceof BusError)) throw error;
      });
  }

  /**
   * What was said about these tasks may not be true any more: what the log says now is, and may be said again. It may say what
   * was forgotten when it was put back before.
   */
  forget(tasks: readonly string[]): void {
    for (const task of tasks) this.#questions.delete(task);
    for (const [id, task] of this.#heard) if (tasks.includes(task)) this.#heard.delete(id);
    for (const stored of this.#options.history.now()) this.#watch(stored);
  }

  #do(atMs: number, deed: () => Promise<void>): void {
    this.#pending += 1;
    this.#options.scheduler.after(atMs, () => {
      void deed().then(() => {
        this.#pending -= 1;
      });
    });
  }

  async #disturb(disturbance: Disturbance, index: number): Promise<void> {
    const { random, report, catalog, history, workload } = this.#options;
    if (disturbance.kind === 'poison') {
      const poison = makePoison(disturbance.poison, {
        random: random.fork(`poison ${index}`),
        roles: catalog.roles.map(({ name }) => name),
        stored: () => inboxEvents(history),
      });
      if (!poison) return;
      report.count(`poison ${disturbance.poison}`);
      const { subject, body, lane, codes } = poison;
      await this.#send({ subject, body, headers: { [POISON]: `${lane} ${codes.join(' ')}` } });
      return;
    }
    const submission = workload.submissions[disturbance.of];
    if (!submission?.correlationId) return;
    // Who did not get through yet has nothing to repeat or to cancel.
    while (!this.#acknowledged.has(disturbance.of)) await this.#pause(50);
    report.count(`client ${disturbance.kind}`);
    await this.#send(about(disturbance, submission, submission.correlationId, index));
  }

  #watch({ event }: Stored): void {
    if (event?.recipientrole !== 'watchers') return;
    if (this.#heard.has(event.id)) return;
    const task = event.correlationid;
    this.#heard.set(event.id, task);
    switch (event.type) {
      case 'dev.agentmesh.task.input.required.v1':
        this.#questions.set(task, event.id);
        this.#answer(task, { id: event.id, questionId: event.data.questionId, choices: event.data.choices }, 1);
        return;
      case 'dev.agentmesh.task.input.accepted.v1':
      case 'dev.agentmesh.task.completed.v1':
      case 'dev.agentmesh.task.failed.v1':
      case 'dev.agentmesh.task.cancelled.v1':
        this.#questions.delete(task);
        return;
      default:
        return;
    }
  }

  #answer(task: string, question: Seen, time: number): void {
    const { scheduler, report } = this.#options;
    const { id, questionId, choices } = question;
    const dice = this.#options.random.fork(`${id}/${time}`);
    scheduler.after(time === 1 ? dice.skewed(5, 3000) : ASK_AGAIN_MS, () => {
      if (this.#questions.get(task) !== id) return;
      report.count('client answered');
      const text = dice.pick([...choices, 'something else', 'Done: 42']);
      this.#answers += 1;
      // Most people name what they saw; some name nothing, some another question.
      const names = dice.pick(['it', 'it', 'it', 'none', 'the first']);
      const named = names === 'it' ? questionId : names === 'none' ? undefined : 'q1';
      const request = answer(task, `answer-${this.#answers}`, text, named);
      this.#do(0, () => this.#send(request));
      if (dice.chance(0.2)) this.#do(dice.skewed(1, 500), () => this.#send(request));
      this.#answer(task, question, time + 1);
    });
  }

  /** Sends until it is acknowledged, as a careful caller does. */
  async #send(request: PublishRequest): Promise<void> {
    for (;;) {
      try {
        const connection = this.#connection();
        if (connection) {
          await connection.publish(request);
          return;
        }
      } catch (error) {
        if (!(error instanceof BusError)) throw error;
      }
      await this.#pause(RETRY_MS);
    }
  }

  #connection(): MemoryBus | null {
    if (!this.#bus && this.#options.log.up) this.#bus = createMemoryBus(this.#options.log);
    return this.#bus;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(ms, resolve);
    });
  }
}

/** Events that roles were told and took up: what came too late leaves no trace that a forged one could contradict. */
function inboxEvents({ stored }: History): MeshEvent[] {
  const isInput = ({ message }: Stored): boolean => message.subject.startsWith('mesh.journal.');
  const taken = new Set(stored.filter(isInput).map(({ event }) => event?.id));
  const inboxes = stored.filter(({ message }) => message.subject.startsWith('mesh.in.'));
  return inboxes.map(({ event }) => event).filter((event): event is MeshEvent => event !== null && taken.has(event.id));
}

function optional<K extends string, V>(key: K, value: V | null): { [key in K]?: V } {
  return value === null ? {} : ({ [key]: value } as { [key in K]: V });
}

/** The task it runs again is in no log: all that counts of it goes along. */
function forkOf({ step, remainingLoops, code }: Fork): NonNullable<TaskSubmittedData['fork']> {
  const made = {
    language: 'typescript',
    text: 'export const answer = 42;',
    attempt: 1,
    explanation: '',
    citations: [],
  };
  return {
    ...{ origin: { correlationId: FORKED_FROM, hop: 1 }, step, remainingLoops },
    artifacts: code ? { code: made } : {},
  };
}

function submit(submission: Submission): PublishRequest {
  const { form, prompt, correlationId, workflow, deadlineMs, fork } = submission;
  const headers = { [SENT_AS]: 'submission' };
  const data = {
    ...{ prompt, ...optional('workflow', workflow), ...optional('deadlineMs', deadlineMs) },
    ...optional('fork', fork === null ? null : forkOf(fork)),
  };
  switch (form) {
    case 'text':
      return { subject: 'mesh.tasks', body: prompt, headers };
    case 'json':
      return { subject: 'mesh.tasks', body: JSON.stringify({ ...data, ...optional('id', correlationId) }), headers };
    case 'event':
      return cloudEvent('task.submitted', `submit-${prompt}`, correlationId ?? '', data, 'submission');
    default:
      throw new Error(`unknown form ${JSON.stringify(form satisfies never)}`);
  }
}

function cloudEvent(name: string, id: string, correlationid: string, data: object, sentAs: string): PublishRequest {
  const type = `dev.agentmesh.${name}.v1`;
  const body = JSON.stringify({ specversion: '1.0', id, source: '/simulation', type, correlationid, data });
  return {
    subject: 'mesh.tasks',
    body,
    headers: { 'content-type': 'application/cloudevents+json', [SENT_AS]: sentAs },
  };
}

/** A question as a person saw it. */
interface Seen {
  /** Of the fact. */
  readonly id: string;
  readonly questionId: string | undefined;
  readonly choices: readonly string[];
}

function answer(task: string, id: string, text: string, questionId?: string): PublishRequest {
  const data = { text, ...(questionId === undefined ? {} : { questionId }) };
  return cloudEvent('task.input.provided', id, task, data, 'answer');
}

/** Nobody should believe it. */
function contradicting(request: PublishRequest): PublishRequest {
  return { ...request, headers: { ...request.headers, [POISON]: 'ingress conflicting_duplicate' } };
}

function about(
  { kind }: Exclude<Disturbance, { kind: 'poison' }>,
  submission: Submission,
  correlationId: string,
  index: number,
): PublishRequest {
  switch (kind) {
    case 'resubmit':
      return submit(submission);
    case 'conflict':
      return contradicting(submit({ ...submission, prompt: `${submission.prompt}, or rather something else` }));
    case 'cancel':
      return cloudEvent('task.cancel.requested', `cancel-${index}`, correlationId, { reason: 'no more' }, 'cancel');
    case 'unasked':
      return answer(correlationId, `unasked-${index}`, 'retry');
    default:
      throw new Error(`unknown disturbance ${JSON.stringify(kind satisfies never)}`);
  }
}
