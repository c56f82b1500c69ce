/**
 * A second opinion on how a task may go (S8): the order of its facts, told from the workflow's words alone. Owns: what
 * may follow what. Does not own: reading the log (`facts.ts`). It shares no code with the orchestrator.
 */
import type { Workflow } from '../../actors/workflows/index.ts';
import type { MeshEvent } from '../../schemas/events/envelope.ts';
import type { DataByName } from '../../schemas/events/generated.ts';
import type { Fork } from '../workload.ts';

/** Hops of a task; the blueprint's number, not the code's. */
const HOPS_MAX = 12;
const ATTEMPTS = 2;

/** What a task may do next. `end` may come at any time: by cancel, by deadline, by failure. */
type Expected =
  | { kind: 'route' }
  | { kind: 'hop'; at: number; attempt: number }
  | { kind: 'finish'; at: number; attempt: number }
  /** A review is in: approved or no loop left, the loop ends; else the router is asked first. */
  | { kind: 'reviewed'; at: number }
  | { kind: 'loop'; at: number; next: 'revise' | 'exhausted' }
  /** A step has failed in passing: the router is asked whether the task stays where it is. */
  | { kind: 'reconsider'; at: number; attempt: number }
  | { kind: 'ask'; at: number; attempt: number; reason: 'approval' | 'outcome_unknown' }
  | { kind: 'answer'; at: number; attempt: number; reason: 'approval' | 'outcome_unknown' }
  | { kind: 'complete' }
  | { kind: 'fail' }
  | { kind: 'over' };

type Fact = MeshEvent;
type Said<N extends keyof DataByName> = DataByName[N];

export class TaskModel {
  readonly #workflows: ReadonlyMap<string, Workflow>;
  readonly #fork: Fork | null;
  #workflow: Workflow | null = null;
  #expected: Expected | null = null;
  #hops = 0;
  #loops = 0;
  #rerouted = false;
  /** The hop waits for its turn. */
  #waits = false;
  readonly #approved = new Set<string>();
  readonly #asked = new Set<string>();
  #open: { readonly id: string; readonly choices: readonly string[] } | null = null;

  /** @param fork where the task was to begin, when it was not at the beginning */
  constructor(workflows: ReadonlyMap<string, Workflow>, fork: Fork | null = null) {
    this.#workflows = workflows;
    this.#fork = fork;
  }

  get over(): boolean {
    return this.#expected?.kind === 'over';
  }

  /** Takes the next fact; returns what is wrong with it, or null. */
  take(fact: Fact): string | null {
    const expected = this.#expected;
    // Progress changes nothing, so it waits for nothing and may come at any time.
    if (fact.type === 'dev.agentmesh.hop.progress.v1') return null;
    if (expected === null) {
      this.#expected = { kind: 'route' };
      return fact.type === 'dev.agentmesh.task.accepted.v1' ? null : `begins with ${fact.type}`;
    }
    if (expected.kind === 'over') return `says ${fact.type} after its end`;
    switch (fact.type) {
      case 'dev.agentmesh.agent.message.v1':
        return null;
      case 'dev.agentmesh.task.completed.v1':
        return this.#end(expected.kind === 'complete' ? null : `completes when it should ${told(expected)}`);
      case 'dev.agentmesh.task.failed.v1':
      case 'dev.agentmesh.task.cancelled.v1':
        return this.#end(null);
      case 'dev.agentmesh.task.routed.v1':
        return this.#route(fact.data, expected);
      case 'dev.agentmesh.hop.started.v1':
        return this.#start(fact.data, expected);
      case 'dev.agentmesh.hop.waiting.v1':
        return this.#wait(fact.data.waiting, expected);
      case 'dev.agentmesh.hop.finished.v1':
        return this.#finish(fact.data, expected);
      case 'dev.agentmesh.loop.advanced.v1':
        return this.#advance(fact.data, expected);
      case 'dev.agentmesh.task.input.required.v1':
        return this.#ask(fact.data, expected);
      case 'dev.agentmesh.task.input.accepted.v1':
        return this.#answer(fact.data, expected);
      case 'dev.agentmesh.task.input.refused.v1':
        return this.#refuse(fact.data, expected);
      case 'dev.agentmesh.task.input.reminded.v1':
        return expected.kind === 'answer' ? null : `reminds when it should ${told(expected)}`;
      default:
        return `says ${fact.type}, which is no fact`;
    }
  }

  #wait(waiting: boolean, expected: Expected): string | null {
    const waited = this.#waits;
    this.#waits = waiting;
    if (expected.kind !== 'finish') return `waits when it should ${told(expected)}`;
    return waiting || waited ? null : 'goes on, and did not wait';
  }

  #end(problem: string | null): string | null {
    this.#expected = { kind: 'over' };
    return problem;
  }

  #route(data: Extract<Fact, { type: 'dev.agentmesh.task.routed.v1' }>['data'], expected: Expected): string | null {
    switch (expected.kind) {
      case 'route':
        if (data.phase !== 'start' || data.next !== 'begin') return `begins by ${data.phase}, ${data.next}`;
        return this.#begin(data.route.decision) ?? this.#skip();
      case 'reviewed':
        return this.#decideLoop(data, expected.at);
      case 'reconsider':
        return this.#reconsider(data, expected);
      default:
        return `is routed when it should ${told(expected)}`;
    }
  }

  #begin(decision: string): string | null {
    this.#workflow = this.#workflows.get(decision) ?? null;
    if (!this.#workflow) return `is routed to ${decision}, which is no workflow`;
    this.#enter(0);
    return null;
  }

  /** A fork begins at its step, with the loops that it has left; where there is no such step, it fails. */
  #skip(): string | null {
    if (this.#fork === null) return null;
    const { step, remainingLoops } = this.#fork;
    const at = this.#workflow?.steps.findIndex((one) => one.step === step) ?? -1;
    this.#loops = Math.max(0, (this.#workflow?.loop?.maxCycles ?? 0) - remainingLoops);
    if (at === -1) this.#expected = { kind: 'fail' };
    else this.#enter(at);
    return null;
  }

  /** A loop ends early or goes on, never beyond its bound, and the task stays in its workflow. */
  #decideLoop({ route, phase, next }: Extract<Fact, { type: 'dev.agentmesh.task.routed.v1' }>['data'], at: number) {
    const loop = this.#workflow?.loop;
    if (!loop || phase !== 'after_review') return `decides ${phase} after a review`;
    if (this.#loops >= loop.maxCycles || this.#hops >= HOPS_MAX) return 'asks the router with nothing left';
    if (route.decision !== this.#workflow?.name) return `goes to ${route.decision} after a review`;
    this.#expected = { kind: 'loop', at, next: next === 'finish' ? 'exhausted' : 'revise' };
    return null;
  }

  /** It stays and tries again, or leaves once, for a workflow that does not go round. */
  #reconsider(
    { route, phase, next }: Extract<Fact, { type: 'dev.agentmesh.task.routed.v1' }>['data'],
    { at, attempt }: { at: number; attempt: number },
  ): string | null {
    if (phase !== 'health_changed') return `decides ${phase} after a failure`;
    if (next !== 'begin') {
      this.#expected = { kind: 'hop', at, attempt: attempt + 1 };
      return route.decision === this.#workflow?.name ? null : `stays, but in ${route.decision}`;
    }
    if (this.#rerouted) return 'leaves its workflow a second time';
    if (route.decision === this.#workflow?.name) return 'leaves for where it is';
    this.#rerouted = true;
    this.#loops = 0;
    this.#approved.clear();
    return this.#workflows.get(route.decision)?.loop
      ? `leaves for ${route.decision}, which goes round`
      : this.#begin(route.decision);
  }

  #enter(at: number): void {
    const step = this.#workflow?.steps[at];
    if (!step) this.#expected = { kind: 'complete' };
    else if (this.#hops >= HOPS_MAX) this.#expected = { kind: 'fail' };
    else if ((step.approval || step.approve) && !this.#approved.has(step.step))
      this.#expected = { kind: 'ask', at, attempt: 1, reason: 'approval' };
    else this.#expected = { kind: 'hop', at, attempt: 1 };
  }

  #start(data: { index: number; step: string; attempt: number }, expected: Expected): string | null {
    this.#hops += 1;
    if (this.#hops > HOPS_MAX) return `starts hop ${this.#hops}`;
    if (expected.kind !== 'hop') return `starts ${data.step} when it should ${told(expected)}`;
    const { at, attempt } = expected;
    this.#expected = { kind: 'finish', at, attempt };
    this.#waits = false;
    const right =
      data.step === this.#workflow?.steps[at]?.step && data.attempt === attempt && data.index === this.#hops;
    return right ? null : `starts ${data.step} ${data.attempt} as hop ${data.index}, not ${told(expected)}`;
  }

  #finish({ hop, error }: Extract<Fact, { type: 'dev.agentmesh.hop.finished.v1' }>['data'], expected: Expected) {
    if (expected.kind !== 'finish') return `finishes ${hop.step} when it should ${told(expected)}`;
    const { at, attempt } = expected;
    const step = this.#workflow?.steps[at];
    if (hop.step !== step?.step || hop.index !== this.#hops) return `finishes ${hop.step} ${hop.index}, another hop`;
    switch (hop.status) {
      case 'completed':
        if (this.#workflow?.loop?.review === step.step) this.#expected = { kind: 'reviewed', at };
        else this.#enter(at + 1);
        return null;
      case 'unknown':
        this.#expected = { kind: 'ask', at, attempt, reason: 'outcome_unknown' };
        return null;
      case 'failed':
        if (error?.retryable && attempt < (step.attempts ?? ATTEMPTS) && this.#hops < HOPS_MAX)
          this.#expected = this.#rerouted
            ? { kind: 'hop', at, attempt: attempt + 1 }
            : { kind: 'reconsider', at, attempt };
        else if (step.optional) this.#enter(at + 1);
        else this.#expected = { kind: 'fail' };
        return null;
      case 'cancelled':
        this.#expected = { kind: 'fail' };
        return null;
      default:
        return `finishes with ${JSON.stringify(hop.status satisfies never)}`;
    }
  }

  #advance({ loops, next }: Extract<Fact, { type: 'dev.agentmesh.loop.advanced.v1' }>['data'], expected: Expected) {
    const loop = this.#workflow?.loop;
    if ((expected.kind !== 'loop' && expected.kind !== 'reviewed') || !loop)
      return `goes round when it should ${told(expected)}`;
    if (expected.kind === 'loop' && next !== expected.next) return `says ${next} when the router said ${expected.next}`;
    if (expected.kind === 'reviewed') {
      const left = this.#loops < loop.maxCycles && this.#hops < HOPS_MAX;
      if (next === 'revise' || (next === 'exhausted' && left)) return `says ${next} without asking the router`;
    }
    if (next === 'revise') {
      this.#loops += 1;
      const first = this.#workflow?.steps.findIndex(({ step }) => step === loop.revise) ?? 0;
      for (const { step } of this.#workflow?.steps.slice(first) ?? []) this.#approved.delete(step);
      this.#enter(first);
    } else this.#enter(expected.at + 1);
    if (this.#loops > loop.maxCycles) return `goes round ${this.#loops} times`;
    return loops.used === this.#loops ? null : `says ${loops.used} loops after ${this.#loops}`;
  }

  #ask({ reason, questionId, choices }: Said<'task.input.required'>, expected: Expected): string | null {
    if (expected.kind !== 'ask' || expected.reason !== reason)
      return `asks (${reason}) when it should ${told(expected)}`;
    if (questionId === undefined || this.#asked.has(questionId)) return `asks ${questionId} as if it were new`;
    this.#asked.add(questionId);
    this.#open = { id: questionId, choices };
    this.#expected = { ...expected, kind: 'answer' };
    return null;
  }

  /** Only an answer to the open question is taken, word for word; a default is the clock's. */
  #answer({ text, questionId }: Said<'task.input.accepted'>, expected: Expected): string | null {
    if (expected.kind !== 'answer') return `takes an answer when it should ${told(expected)}`;
    const { at, attempt, reason } = expected;
    const open = this.#open;
    if (open === null || questionId !== open.id) return `takes an answer to ${questionId} for ${open?.id}`;
    const word = text.trim().toLowerCase().replace(/\s+/g, ' ');
    const known = open.choices.includes(word) || (reason === 'outcome_unknown' && word.startsWith('done:'));
    if (!known) return `takes ${JSON.stringify(text)}, which is no choice of ${open.choices.join(', ')}`;
    const step = this.#workflow?.steps[at];
    const again = (): Expected => ({ kind: 'hop', at, attempt: attempt + 1 });
    if (reason === 'approval') {
      if (word === 'yes') this.#approved.add(step?.step ?? '');
      this.#expected = word === 'yes' ? { kind: 'hop', at, attempt: 1 } : { kind: 'fail' };
    } else if (word === 'abort') this.#expected = { kind: 'fail' };
    else if (word === 'retry') this.#expected = this.#hops < HOPS_MAX ? again() : { kind: 'fail' };
    else if (word !== 'not done') this.#enter(at + 1);
    else if (attempt < (step?.attempts ?? ATTEMPTS) && this.#hops < HOPS_MAX) this.#expected = again();
    else if (step?.optional) this.#enter(at + 1);
    else this.#expected = { kind: 'fail' };
    return null;
  }

  /** Says why, and changes nothing. */
  #refuse({ code, open, answered }: Said<'task.input.refused'>, expected: Expected): string | null {
    if (code === 'answered' && answered === undefined)
      return 'refuses an answer as late without the one that was taken';
    if (expected.kind !== 'answer')
      return code === 'answered' ? null : `refuses (${code}) when it should ${told(expected)}`;
    return open?.questionId === this.#open?.id
      ? null
      : `refuses for ${open?.questionId}, but ${this.#open?.id} is open`;
  }
}

function told(expected: Expected): string {
  return JSON.stringify(expected);
}
