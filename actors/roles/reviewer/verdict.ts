/**
 * The verdict in a model's review. Owns: the forms of reviews, JSON or prose, and what they come to. Does not own: the
 * words (verdict-words.ts).
 *
 * 1. Any clear refusal, in whatever words and wherever it stands, is a refusal, also beside an approval.
 * 2. An approval has to be said; what cannot be decided is no verdict, and `checkedBy` then names nobody.
 * 3. An approval that was cut is none: what is missing may be the objection. A refusal needs no more words.
 * 4. A finding that its severity calls serious is an error, by whatever word.
 */

import { isRecord, jsonObjectsIn } from '../../../prompting/json-reply.ts';
import type { Finding, Review } from '../../../schemas/events/generated.ts';
import { SERIOUS_ELSEWHERE } from './verdict-languages.ts';
import { blocksMerge, hasDefect, hasHole, isLow, proseSays, refuses, takesBack, wordOf } from './verdict-words.ts';

/** Limits of schemas/events/data/common.v1.json. */
const FINDINGS_MAX = 100;
const MESSAGE_CHARS_MAX = 4000;
const SUMMARY_CHARS_MAX = 8000;

type Verdict = Review['verdict'];

const VERDICTS = [
  'verdict',
  'final_verdict',
  'approval',
  'decision',
  'status',
  'result',
  'recommendation',
  'conclusion',
  'outcome',
  'review',
  'code_review',
  'assessment',
  'judgement',
  'judgment',
  'evaluation',
] as const;
/** Fields that are true of what may be merged, and of what may not. */
const FLAGS =
  /^(?:is_|should_(?:be_)?|can_(?:be_)?)?(?:approv(?:ed?|al)|accept(?:ed|able)?|lgtm|pass(?:ed|es)?|ok|correct|valid|safe|sound|merge(?:d|able)?|ready(?:_to_merge)?)$/;
const FLAGS_AGAINST =
  /^(?:is_|has_|should_(?:be_)?)?(?:changes_(?:requested|required|needed)|(?:needs|requires|request)_(?:changes|work|revision|fix(?:es)?)|rejected|reject|refused|block(?:ing|er|ed)?|bugs?|vulnerab(?:le|ilities)|insecure|unsafe|broken|failed|fails)$/;
/** Lists of remarks, whose severity is in each of them or nowhere. */
const LISTS =
  /^(?:findings|issues|problems|comments|errors|bugs|remarks|changes|feedback|concerns|violations|warnings|notes|suggestions|recommendations|improvements|observations|items|points|risks|weaknesses)$/;
/** Lists of what nobody merges, whatever is said of it. */
const LISTS_AGAINST =
  /^(?:(?:security_)?(?:vulnerabilities|holes|flaws)|defects|bugs|errors|faults|regressions|failures|security_(?:issues|findings|problems|risks))$/;
/** How much a finding weighs, by whatever name. */
const WEIGHTS = ['severity', 'level', 'priority', 'impact', 'risk', 'criticality', 'importance'] as const;
/** Lists and words of what has to be done first; anything in them refuses. */
const BLOCKING =
  /^(?:block(?:ing|ers?)(?:_(?:issues|findings|changes))?|must_(?:fix|change)(?:es)?|(?:required|requested|necessary)_(?:changes|fixes|actions)|changes_(?:requested|required|needed)|(?:critical|security)_(?:issues|findings|problems))$/;
const SCORES = ['score', 'rating', 'grade', 'overall_score', 'quality'] as const;
const SUMMARIES = ['summary', 'explanation', 'reason', 'reasoning', 'comment', 'message', 'rationale'] as const;
const MESSAGES = [
  'message',
  'description',
  'issue',
  'problem',
  'comment',
  'text',
  'detail',
  'title',
  'finding',
  'reason',
] as const;

/** The review in a reply; `checkedBy` is empty when it gives no verdict, and its words are then one remark. */
export function parseReview(text: string, engine: string, { cut = false } = {}): Review {
  const review = readWhole(text, engine);
  return cut && review.verdict === 'approved' ? undecided(text, review.findings) : review;
}

function readWhole(text: string, engine: string): Review {
  if (FORM_REPEATED.test(text)) return undecided(text, []);
  const objects = jsonObjectsIn(text).map((one) => lowerKeys(one));
  const reviews = objects.filter((one) => isReview(one)).map((one) => fromJson(one, text, engine));
  const refused = reviews.filter(({ verdict }) => verdict === 'changes_requested');
  const [first] = refused.length > 0 ? refused : reviews;
  // One a file, or second thoughts: what one of them refuses is refused.
  if (first !== undefined) return first;
  const value = listed(objects);
  if (value !== null) return fromJson(value, text, engine);
  // Field names that nobody knows approve nothing.
  return fromProse(text, engine, objects.length === 0 ? text : outsideJson(text));
}

/** The form that was asked for, said back. */
const FORM_REPEATED = /"verdict"\s*:\s*(?:"approved\s*\|\s*changes_requested"|"approved"\s*\|\s*"changes_requested")/i;

/** A review has its fields at the top, or in an object or two; what a model nests deeper, to no end now and then, is none. */
const DEPTH_MAX = 8;

/** `Verdict` and `finalVerdict` are the same fields as `verdict` and `final_verdict`. */
function lowerKeys(value: Record<string, unknown>, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key
        .trim()
        .replace(/([a-z])([A-Z])/g, '$1_$2')
        .replace(/[\s-]+/g, '_')
        .toLowerCase(),
      isRecord(one) && depth < DEPTH_MAX ? lowerKeys(one, depth + 1) : one,
    ]),
  );
}

function isReview(value: Record<string, unknown>): boolean {
  return (
    [...VERDICTS, ...SCORES].some((key) => value[key] !== undefined) ||
    Object.keys(value).some((key) => LISTS.test(key) || LISTS_AGAINST.test(key) || BLOCKING.test(key)) ||
    Object.entries(value).some(([key, one]) => flagOf(one) !== null && (FLAGS.test(key) || FLAGS_AGAINST.test(key)))
  );
}

/** Bare findings, without a frame around them. */
function listed(objects: readonly Record<string, unknown>[]): Record<string, unknown> | null {
  const findings = objects.filter((one) => textOf(one, WEIGHTS) !== '' && messageIn(one) !== '');
  return findings.length > 0 ? { findings } : null;
}

function fromJson(value: Record<string, unknown>, text: string, engine: string): Review {
  const nested = VERDICTS.map((key) => value[key]).find(isRecord);
  const inner = nested === undefined ? value : { ...value, ...nested };
  const findings = findingsOf(inner);
  const said = textOf(inner, SUMMARIES);
  const words = [said, ...findings.map(({ message }) => message)].join('\n');
  const hasError = findings.some(({ severity }) => severity === 'error');
  let verdict = verdictIn(inner);
  // An approval that goes on to refuse is none; findings alone do not refuse, their severity does that.
  if (verdict === 'approved' && (hasError || refuses(said) || hasHole(said) || takesBack(said) || isTakenBack(text)))
    verdict = 'changes_requested';
  if (verdict === null && (hasError || refuses(words) || refuses(outsideJson(text)))) verdict = 'changes_requested';
  if (verdict === null) return undecided(text, findings);
  const summary = (said === '' ? `The model's verdict is ${verdict}.` : said).slice(0, SUMMARY_CHARS_MAX);
  return { verdict, findings, summary, checkedBy: [engine] };
}

function outsideJson(text: string): string {
  return text.replace(/\{[\s\S]*\}/, ' ');
}

/** By what follows the JSON: there a model has second thoughts; before it, it has the first ones. */
function isTakenBack(text: string): boolean {
  const after = text.slice(text.lastIndexOf('}') + 1);
  return refuses(after) || hasDefect(after);
}

function verdictIn(value: Record<string, unknown>): Verdict | null {
  const words = VERDICTS.flatMap((key) => value[key]).filter((one) => typeof one === 'string');
  const flags = flagsIn(value);
  const said = words.map(wordOf);
  if (flags.includes(false) || said.includes('refused') || isLowScore(value)) return 'changes_requested';
  return flags.includes(true) || said.includes('approved') ? 'approved' : null;
}

function flagsIn(value: Record<string, unknown>): boolean[] {
  return Object.entries(value).flatMap(([key, one]) => {
    const flag = flagOf(one);
    if (flag === null) return [];
    if (FLAGS.test(key) || VERDICTS.some((name) => name === key)) return [flag];
    // Without something against it, nothing has been approved yet.
    return FLAGS_AGAINST.test(key) && flag ? [false] : [];
  });
}

/** `true`, `"false"`, `"no"`; null for what is no flag. */
function flagOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  if (value === 0) return false;
  if (typeof value !== 'string') return null;
  if (/^\s*(?:false|no|n|nope|never|0)\W*$/i.test(value)) return false;
  return /^\s*(?:true|yes|y)\W*$/i.test(value) ? true : null;
}

/** `{"score": 2, "max": 10}` or `"1/10"`; without its most a number says nothing. */
function isLowScore(value: Record<string, unknown>): boolean {
  const score = SCORES.map((key) => value[key]).find((one) => one !== undefined);
  const parts = typeof score === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*(?:\/|out of)\s*(\d+)/i.exec(score) : null;
  if (parts !== null) return isLow(Number(parts[1]), Number(parts[2]));
  const most = [value.max, value.max_score, value.out_of].find((one) => typeof one === 'number');
  return typeof score === 'number' && typeof most === 'number' && isLow(score, most);
}

function fromProse(text: string, engine: string, prose: string): Review {
  const said = text.trim();
  switch (proseSays(said) === 'refused' ? 'refused' : proseSays(prose)) {
    case 'refused': {
      const finding = remark(said, 'error', 'model-review');
      return { verdict: 'changes_requested', findings: [finding], summary: clipped(said), checkedBy: [engine] };
    }
    case 'approved': {
      const findings = said.length > 60 ? [remark(said, 'info', 'model-remark')] : [];
      return { verdict: 'approved', findings, summary: clipped(said), checkedBy: [engine] };
    }
    default:
      return undecided(text, []);
  }
}

function undecided(text: string, findings: readonly Finding[]): Review {
  const summary = 'The model gave no verdict; its words are kept and only the static checks decide.';
  const kept = findings.length > 0 ? [...findings] : [remark(text.trim(), 'info', 'model-remark')];
  return { verdict: 'approved', findings: kept, summary, checkedBy: [] };
}

function remark(message: string, severity: Finding['severity'], rule: string): Finding {
  return { severity, line: 0, rule, message: clipped(message) };
}

function clipped(message: string): string {
  return message.slice(0, MESSAGE_CHARS_MAX);
}

function textOf(value: Record<string, unknown>, keys: readonly string[]): string {
  const text = keys.map((key) => value[key]).find((one) => typeof one === 'string' && one.trim() !== '');
  return typeof text === 'string' ? text.trim() : '';
}

function findingsOf(value: Record<string, unknown>, depth = 0): Finding[] {
  const all = Object.entries(value).flatMap(([key, one]): Finding[] => {
    if (BLOCKING.test(key)) return findingsIn(one).map(asError);
    // One that is called slight, or weighed at all, keeps its weight.
    if (LISTS_AGAINST.test(key)) return findingsIn(one).map((found) => (isWeighed(one) ? found : asError(found)));
    if (LISTS.test(key)) return findingsIn(one);
    // Parts of a review, each with its own list.
    return isRecord(one) && depth < DEPTH_MAX && !VERDICTS.some((name) => name === key)
      ? findingsOf(one, depth + 1)
      : [];
  });
  return all.slice(0, FINDINGS_MAX);
}

function asError(found: Finding): Finding {
  return { ...found, severity: 'error' };
}

function isWeighed(list: unknown): boolean {
  return Array.isArray(list) && list.every((one) => isRecord(one) && textOf(one, WEIGHTS) !== '');
}

/** A list of them, lists by severity, or words. */
function findingsIn(raw: unknown): Finding[] {
  if (Array.isArray(raw)) return raw.flatMap(findingOf);
  if (typeof raw === 'string') {
    if (isNothing(raw)) return [];
    // In place of a list it is all that there is to say.
    return refuses(raw) || hasDefect(raw) ? [remark(raw.trim(), 'error', 'model-review')] : findingOf(raw);
  }
  if (!isRecord(raw)) return [];
  return Object.entries(raw).flatMap(([severity, list]) =>
    Array.isArray(list)
      ? list.flatMap((one) => findingOf(isRecord(one) ? { severity, ...one } : { severity, message: one }))
      : [],
  );
}

const NONE_SAID =
  /^\W*(?:(?:none|nothing|no(?: \w+){0,3} (?:issues?|findings?|blockers?|problems?|changes|vulnerabilities|errors|bugs))(?: (?:were|was|are|is|found|identified|detected|needed|required|necessary|present|noted|seen|at|this|time|in|the|code|here|to|fix|change|report|so|far|that|i|could|can|find|see|note|all))*|no|n\/?a|null|false|true|yes|-)?\W*(?:$|(?<=[.!\n]\W*))/iu;

/** `None.`, `No issues found. The code is fine.`; what goes on to name one is something. */
function isNothing(text: string): boolean {
  const found = NONE_SAID.exec(text);
  if (found === null) return false;
  const rest = text.slice(found[0].length);
  return rest === '' || !(refuses(text) || hasDefect(text) || takesBack(rest));
}

function findingOf(raw: unknown): Finding[] {
  if (typeof raw === 'string') {
    const said = raw.trim();
    if (isNothing(said)) return [];
    return [remark(said, blocksMerge(said) ? 'error' : 'warning', 'model-review')];
  }
  if (!isRecord(raw)) return [];
  const message = messageIn(raw);
  if (isNothing(message) && !(message === '' && SERIOUS.test(textOf(raw, WEIGHTS)))) return [];
  return [{ severity: severityOf(raw), line: lineOf(raw), rule: 'model-review', message: clipped(message) }];
}

/** What a finding says; under a name that nobody knows, the longest of its texts. */
function messageIn(raw: Record<string, unknown>): string {
  const said = textOf(raw, MESSAGES);
  if (said !== '') return said;
  const others = Object.entries(raw).filter(([key]) => ![...WEIGHTS, ...PLACES].some((name) => name === key));
  const texts = others.flatMap(([, one]) => (typeof one === 'string' ? [one.trim()] : []));
  return texts.reduce((longest, one) => (one.length > longest.length ? one : longest), '');
}

const PLACES = ['type', 'category', 'kind', 'file', 'path', 'line', 'location', 'rule', 'id', 'code'] as const;
const SERIOUS =
  /^(?:error|critical|high|major|blocker|blocking|severe|serious|fatal|urgent|security|bug|must|p0|p1|s0|s1|sev(?:erity)?[- ]?[01]|🔴|❌|⛔|🛑|🚫)/iu;
/** A kind of finding is a word alone: one of "error handling" need not be an error. */
const SERIOUS_KIND = /^(?:error|critical|blocker|blocking|security|vulnerability|bug|defect|correctness)s?$/i;
const SLIGHT = /^(?:info|note|nit|low|minor|trivial|style|suggestion|optional|hint|praise|cosmetic)/i;

function severityOf(raw: Record<string, unknown>): Finding['severity'] {
  const weight = textOf(raw, WEIGHTS);
  const kind = textOf(raw, ['type', 'category', 'kind']);
  const said = weight === '' ? kind : weight;
  if (SERIOUS.test(weight) || SERIOUS_ELSEWHERE.test(weight)) return 'error';
  if (weight === '' && SERIOUS_KIND.test(kind)) return 'error';
  if (flagOf(raw.blocking) === true || flagOf(raw.blocker) === true || flagOf(raw.must_fix) === true) return 'error';
  if (blocksMerge(messageIn(raw))) return 'error';
  // Whatever weight it is given: nobody merges a hole.
  if (!SLIGHT.test(said) && hasHole(messageIn(raw))) return 'error';
  return SLIGHT.test(said) ? 'info' : 'warning';
}

function lineOf(raw: Record<string, unknown>): number {
  const said = raw.line ?? raw.lineNumber ?? raw.line_number ?? raw.location;
  const line = typeof said === 'number' ? said : Number(/\d+/.exec(typeof said === 'string' ? said : '')?.[0] ?? 0);
  return Number.isSafeInteger(line) && line > 0 ? line : 0;
}
