/**
 * Weighs by rules: deterministic, without a model, and the engine of last resort when one is there. Owns: the rules and
 * their weights. Does not own: the workflows, or any decision (`../policy.ts`).
 *
 * Each rule that matches adds evidence to one workflow; probabilities are the softmax over the evidence.
 */
import type { RouteEngine, Weighing } from '../port.ts';

/** Rules look at the beginning of a query: what is asked stands there, and every pattern is quick on it. */
const QUERY_MAX = 4000;

interface Rule {
  readonly workflow: string;
  readonly weight: number;
  readonly reason: string;
  readonly pattern: RegExp;
}

const MAKE = 'write|implement|create|generate|build|add|make|refactor|rewrite|port|code|develop|extend|convert|fix';
const CODE_THING =
  'functions?|class(?:es)?|methods?|scripts?|components?|modules?|types?|interfaces?|hooks?|regex(?:p|es)?|sql|queries|query|tests?|endpoints?|api|cli|parsers?|algorithms?|code|program|snippets?|helpers?|wrappers?|decorators?|middleware|json schema|dockerfile';
const LANGUAGE =
  'typescript|javascript|python|rust|go(?:lang)?|java|kotlin|c\\+\\+|c#|ruby|php|sql|bash|shell|node(?:\\.js)?|react|svelte|html|css';

const rules: readonly Rule[] = [
  { workflow: 'tool', weight: 9, reason: 'it names a tool', pattern: /^tool:\S+/i },
  {
    workflow: 'tool',
    weight: 5,
    reason: 'it is an arithmetic expression',
    pattern:
      /^(?:(?:what(?:'s| is)|calculate|compute|evaluate)\s+)?[\d.()\s+\-*/^%]*\d\s*[+\-*/^%]\s*[\d.()\s+\-*/^%]+\s*\??$/i,
  },
  {
    workflow: 'tool',
    weight: 4,
    reason: 'it asks for a calculation',
    pattern: /\b(?:calculate|compute|square root|percent of)\b.*\d|\d\s*%\s*of\s*\d/i,
  },
  {
    workflow: 'tool',
    weight: 4,
    reason: 'it asks for a conversion',
    pattern: /\b\d[\d.,]*\s*\S+\s+(?:in|to|into|as)\s+\S+/i,
  },
  {
    workflow: 'tool',
    weight: 3,
    reason: 'it asks for the time or date now',
    pattern:
      /\bwhat (?:time|day|date) is it\b|^(?:what(?:'s| is) )?the (?:time|date)(?: (?:now|today|in \w+))?\s*\??$/i,
  },
  {
    workflow: 'tool',
    weight: 4,
    reason: 'it asks for the time or date',
    pattern:
      /\b(?:what(?:'s| is)?|current|tell me)\b.*\b(?:time|date|day)\b(?! complexity)|\b(?:time|date)\b.*\b(?:now|today)\b/i,
  },
  {
    workflow: 'tool',
    weight: 4,
    reason: 'it asks for a hash, an encoding or an id',
    pattern:
      /\b(?:sha-?(?:1|256|512)|md5|base64|uuid|hash)\b.*\b(?:of|encode|decode|generate|new)\b|\b(?:encode|decode|hash|generate)\b.*\b(?:base64|sha-?(?:1|256|512)|md5|uuid)\b/i,
  },
  {
    workflow: 'tool',
    weight: 4,
    reason: 'it asks for an HTTP request',
    pattern: /\b(?:fetch|get|post|send|call|request)\b.*\bhttps?:\/\//i,
  },
  {
    workflow: 'review',
    weight: 4,
    reason: 'it asks for a review',
    pattern:
      /\b(?:review|check|critique|audit|lint|what(?:'s| is) wrong with|find (?:the )?(?:bugs?|errors?|problems?) in)\b.*(?:code|function|snippet|```|\bthis\b|file|class)/is,
  },
  {
    workflow: 'review',
    weight: 3,
    reason: 'it begins with asking for a review',
    pattern: /^(?:please\s+)?(?:review|check|critique|audit|lint)\b/i,
  },
  { workflow: 'review', weight: 2, reason: 'it contains code', pattern: /```/ },
  {
    workflow: 'build',
    weight: 5,
    reason: 'it asks for code',
    pattern: new RegExp(`\\b(?:${MAKE})\\b.{0,80}\\b(?:${CODE_THING})\\b`, 'is'),
  },
  {
    workflow: 'build',
    weight: 3,
    reason: 'it asks for something in a programming language',
    pattern: new RegExp(`\\b(?:${MAKE})\\b.{0,120}\\b(?:${LANGUAGE})\\b`, 'is'),
  },
  {
    workflow: 'answer',
    weight: 3,
    reason: 'it is a question',
    pattern:
      /^(?:how|what|why|where|when|which|who|does|do|is|are|can|could|should|explain|describe|tell me (?:about|how|why|what)|show me how|compare)\b/i,
  },
  { workflow: 'answer', weight: 1.5, reason: 'it ends with a question mark', pattern: /\?\s*$/ },
  {
    workflow: 'direct',
    weight: 5,
    reason: 'it is small talk',
    pattern:
      /^(?:hi|hello|hey|thanks?|thank you|good (?:morning|evening|night|afternoon)|bye|ok(?:ay)?|how are you|who are you|nice|great|cool)\b[\s\w,!.?']{0,40}$/i,
  },
];

/** Weighs a query for those of the workflows that there are. */
export function weighByRules(query: string, workflows: readonly string[]): Weighing {
  const text = query.slice(0, QUERY_MAX);
  const evidence = new Map(workflows.map((workflow) => [workflow, 0]));
  const reasons = new Map<string, string>();
  for (const { workflow, weight, reason, pattern } of rules) {
    const sofar = evidence.get(workflow);
    if (sofar === undefined || !pattern.test(text)) continue;
    evidence.set(workflow, sofar + weight);
    if (!reasons.has(workflow)) reasons.set(workflow, reason);
  }
  const powers = [...evidence].map(([workflow, weight]) => [workflow, Math.exp(weight)] as const);
  const sum = powers.reduce((total, [, power]) => total + power, 0);
  const probabilities = powers.map(([workflow, power]) => [workflow, power / sum] as const);
  const [best] = probabilities.reduce((top, one) => (one[1] > top[1] ? one : top), ['', -1] as const);
  return {
    probabilities: Object.fromEntries(probabilities),
    reason: reasons.get(best) ?? 'nothing speaks for another',
  };
}

export function createRulesEngine(workflows: readonly string[]): RouteEngine {
  return {
    name: 'rules',
    weigh: (query) => Promise.resolve(weighByRules(query, workflows)),
  };
}
