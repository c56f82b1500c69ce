/**
 * What is decided, given what an engine says and how the mesh is: pure functions. Owns: masking, leaning, the threshold,
 * the fallback, and the words for each case. Does not own: weighing a query (engines), time, or where health is read.
 *
 * 1. Every verdict says why, in words, whatever happened.
 * 2. A route that cannot be worked on now is not chosen while one that can be is likely enough. Nothing unlikely is
 *    chosen only because it is free: then the task takes the likely route and waits.
 * 3. With no loop or hop left, nothing is begun that would need one.
 */
import type { RoleHealth, RouteContext, RouteOption, Weighing } from './port.ts';

export interface PolicyRules {
  /** Below this probability the fallback is taken, 0 to 1. */
  readonly threshold: number;
  /** The workflow that is taken when nobody is sure; one of the options. */
  readonly fallback: string;
  readonly options: readonly RouteOption[];
}

/** What the engine said, or why it said nothing. */
export type EngineAnswer =
  | { readonly kind: 'weighed'; readonly engine: string; readonly weighing: Weighing }
  | {
      readonly kind: 'failed';
      readonly engine: string;
      /** One clause: `it gave no answer within 250 ms`. */
      readonly why: string;
      /** What the rules say instead. */
      readonly instead: Weighing;
    };

export interface Verdict {
  readonly decision: string;
  /** Probability of the best route that could be taken; of going on or ending, after a review. */
  readonly confidence: number;
  /** The engine's own choice was not taken, or there was none. */
  readonly fallback: boolean;
  readonly reason: string;
  readonly probabilities: Readonly<Record<string, number>>;
  readonly engine: string;
  readonly next: 'begin' | 'continue' | 'finish';
}

/** What a route that goes round keeps of its probability when one loop, or no room for one, is left. */
const LEAN = 0.5;
/** Hops of one more round: writing and reviewing. */
const ROUND_HOPS = 2;
/** Of a reason that is repeated inside another. */
const REASON_MAX = 300;

const percent = (value: number): string => `${Math.round(value * 100)} %`;

/** `tool:name {json}` calls that tool: nobody has to guess what is meant. */
const NAMES_A_TOOL = /^\s*tool:\s*[\w.-]+/i;
const TOOL_WORKFLOW = 'tool';

/** Null when an engine has to be asked; else the caller or the situation decides. */
export function decidedWithoutEngine(query: string, context: RouteContext, rules: PolicyRules): Verdict | null {
  if (context.phase === 'after_review') return afterReview(context);
  if (context.phase === 'start') {
    if (context.wish !== null) return wished(context.wish, 'the caller asked for it', context, rules);
    return NAMES_A_TOOL.test(query) ? wished(TOOL_WORKFLOW, 'it names a tool', context, rules) : null;
  }
  if (context.wish !== null) return staying(context, 'the caller asked for it');
  return sickAhead(context).length === 0 ? staying(context, 'every role that it needs is at work') : null;
}

export function decide(answer: EngineAnswer, context: RouteContext, rules: PolicyRules): Verdict {
  const verdict = chosen(answer, context, rules);
  if (context.phase !== 'health_changed' || context.current === null) return verdict;
  const sick = sickAhead(context).map(described).join('; ');
  if (verdict.decision === context.current) return { ...verdict, next: 'continue', reason: `it waits: ${sick}` };
  return { ...verdict, fallback: true, reason: `${context.current} cannot go on (${sick}); ${verdict.reason}` };
}

/** What was asked for in so many words is taken, also when it has to wait. */
function wished(wish: string, why: string, context: RouteContext, rules: PolicyRules): Verdict | null {
  const option = rules.options.find(({ name }) => name === wish);
  if (!option) return null;
  const hindrance = hindranceOf(option, context);
  return {
    decision: wish,
    confidence: 1,
    fallback: false,
    reason: `${why}${hindrance === null ? '' : `; it waits: ${hindrance}`}`,
    probabilities: { [wish]: 1 },
    engine: 'caller',
    next: 'begin',
  };
}

function staying(context: RouteContext, why: string): Verdict {
  const decision = context.current ?? '';
  return {
    decision,
    confidence: 1,
    fallback: false,
    reason: `it goes on: ${why}`,
    probabilities: { [decision]: 1 },
    engine: 'policy',
    next: 'continue',
  };
}

const described = ({ role, reason }: RoleHealth): string => `${role} is not well (${reason})`;

function sickAhead({ roles, ahead }: RouteContext): RoleHealth[] {
  return roles.filter(({ role, healthy }) => !healthy && ahead.includes(role));
}

/** Why a route cannot be begun now; null when it can. */
function hindranceOf(option: RouteOption, context: RouteContext): string | null {
  if (option.hops > context.remainingHops) return `it takes ${option.hops} hops, ${context.remainingHops} are left`;
  if (option.loops && context.remainingLoops !== null && context.remainingLoops <= 0) return 'no loop is left for it';
  const needed = context.roles.filter(({ role }) => option.roles.includes(role));
  const absent = needed.find(({ healthy }) => !healthy);
  if (absent) return `${absent.role} is not there (${absent.reason})`;
  const full = needed.find(({ saturated }) => saturated);
  return full ? `${full.role} has too much to do (${full.reason})` : null;
}

function leanOf(option: RouteOption, { remainingLoops, remainingHops }: RouteContext): number {
  const tight = remainingLoops === 1 || remainingHops < option.hops + ROUND_HOPS;
  return option.loops && tight ? LEAN : 1;
}

interface Candidate {
  readonly option: RouteOption;
  /** After leaning; of all candidates together one. */
  readonly probability: number;
  readonly hindrance: string | null;
}

/** The options, the likeliest first. */
function candidatesOf(weighing: Weighing, context: RouteContext, rules: PolicyRules): Candidate[] {
  const weights = rules.options.map((option) => (weighing.probabilities[option.name] ?? 0) * leanOf(option, context));
  const sum = weights.reduce((total, one) => total + one, 0);
  return rules.options
    .map((option, index) => ({
      option,
      probability: sum > 0 ? (weights[index] ?? 0) / sum : 1 / rules.options.length,
      hindrance: hindranceOf(option, context),
    }))
    .sort((one, other) => other.probability - one.probability);
}

function likeliest(weighing: Weighing): string | undefined {
  return Object.entries(weighing.probabilities).toSorted(([, one], [, other]) => other - one)[0]?.[0];
}

/** What speaks for the best route, and what the policy did with it. */
function chosen(answer: EngineAnswer, context: RouteContext, rules: PolicyRules): Verdict {
  const weighing = answer.kind === 'weighed' ? answer.weighing : answer.instead;
  const candidates = candidatesOf(weighing, context, rules);
  const [top] = candidates;
  if (!top) throw new RangeError('there is no workflow to choose from');
  const best = candidates.find(({ hindrance }) => hindrance === null);
  const said = clauses(answer, context, weighing, candidates);
  const verdict = (decision: string, fallback: boolean, because: string): Verdict => ({
    decision,
    confidence: rounded((best ?? top).probability),
    fallback: fallback || answer.kind === 'failed' || context.wish !== null,
    reason: [...said, because].join('; '),
    probabilities: Object.fromEntries(candidates.map(({ option, probability }) => [option.name, rounded(probability)])),
    engine: answer.kind === 'weighed' ? answer.engine : 'rules',
    next: 'begin',
  });
  if (best && best.probability >= rules.threshold) {
    const own = best.option.name === likeliest(weighing);
    return verdict(best.option.name, !own, own ? weighing.reason : `${best.option.name} is the next likely`);
  }
  const unsure = `no route is sure enough (${(best ?? top).option.name} has ${percent((best ?? top).probability)}, the threshold is ${percent(rules.threshold)})`;
  const fallback = candidates.find(({ option }) => option.name === rules.fallback);
  if (fallback?.hindrance === null) return verdict(rules.fallback, true, unsure);
  // The fallback cannot run either: the likely route is no worse, and the task waits for its roles.
  if (top.probability >= rules.threshold) return verdict(top.option.name, false, `${top.option.name} waits`);
  return verdict(rules.fallback, true, `${unsure}; ${rules.fallback} waits: ${fallback?.hindrance ?? 'unknown'}`);
}

/** What has to be said before the reason of the decision itself. */
function clauses(answer: EngineAnswer, context: RouteContext, weighing: Weighing, candidates: readonly Candidate[]) {
  const said: string[] = [];
  if (context.wish !== null && context.phase === 'start') said.push(`there is no workflow ${context.wish}`);
  if (answer.kind === 'failed') said.push(`${answer.engine}: ${answer.why.slice(0, REASON_MAX)}, so by rules`);
  const wanted = candidates.find(({ option }) => option.name === likeliest(weighing));
  if (wanted && wanted.hindrance !== null)
    said.push(`${wanted.option.name} would fit, but ${wanted.hindrance.slice(0, REASON_MAX)}`);
  else if (wanted && leanOf(wanted.option, context) < 1)
    said.push(`little is left for a loop of ${wanted.option.name}`);
  return said;
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

/**
 * Round again, or end with the best attempt. A review that requests changes speaks for another round; errors that got
 * fewer speak for it, errors that did not speak against it; the last loop is taken only for a reason.
 */
function afterReview(context: RouteContext): Verdict {
  const { remainingLoops, remainingHops, review, current } = context;
  const forced = (why: string): Verdict => ended(context, 1, why);
  if (remainingLoops === null || remainingLoops <= 0) return forced('no loop is left');
  if (remainingHops < ROUND_HOPS) return forced(`a round takes ${ROUND_HOPS} hops, ${remainingHops} are left`);
  const [sick] = sickAhead(context);
  if (sick) return forced(described(sick));
  const errors = review?.errors ?? 0;
  const before = review?.errorsBefore ?? null;
  const last = remainingLoops === 1;
  let evidence = 1;
  if (errors > 0) evidence += 1;
  if (before !== null) evidence += errors < before ? 1 : -1;
  if (last) evidence -= 1.5;
  const on = 1 / (1 + Math.exp(-evidence));
  const seen =
    before === null ? `the review found ${plural(errors)}` : `the review found ${plural(errors)} after ${before}`;
  const left = last ? 'one loop is left' : `${remainingLoops} loops are left`;
  if (on < 0.5) return ended(context, 1 - on, `${seen}, and ${left}`);
  return {
    decision: current ?? '',
    confidence: rounded(on),
    fallback: false,
    reason: `another round: ${seen}, and ${left}`,
    probabilities: { continue: rounded(on), finish: rounded(1 - on) },
    engine: 'policy',
    next: 'continue',
  };
}

function ended(context: RouteContext, confidence: number, why: string): Verdict {
  return {
    decision: context.current ?? '',
    confidence: rounded(confidence),
    fallback: false,
    reason: `ends with the best attempt: ${why}`,
    probabilities: { continue: rounded(1 - confidence), finish: rounded(confidence) },
    engine: 'policy',
    next: 'finish',
  };
}

function plural(errors: number): string {
  return errors === 1 ? '1 error' : `${errors} errors`;
}
