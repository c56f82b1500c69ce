/**
 * The verdict in a model's review. Owns: telling a refusal, an approval and neither apart, in JSON or in prose.
 *
 * 1. Any clear refusal, in whatever words and wherever it stands, is a refusal, also beside an approval.
 * 2. An approval has to be said; what cannot be decided is no verdict, and `checkedBy` then names nobody.
 * 3. A finding that its severity calls serious is an error, by whatever word.
 */

import { isRecord, jsonObjectsIn } from '../../../prompting/json-reply.ts';
import type { Finding, Review } from '../../../schemas/events/generated.ts';

/** Limits of schemas/events/data/common.v1.json. */
const FINDINGS_MAX = 100;
const MESSAGE_CHARS_MAX = 4000;
const SUMMARY_CHARS_MAX = 8000;

type Verdict = Review['verdict'];

const VERDICTS = [
  'verdict',
  'decision',
  'status',
  'result',
  'recommendation',
  'conclusion',
  'outcome',
  'review',
] as const;
const FLAGS = [
  'approved',
  'approve',
  'accepted',
  'accept',
  'lgtm',
  'passed',
  'pass',
  'ok',
  'is_correct',
  'correct',
] as const;
const LISTS = [
  'findings',
  'issues',
  'problems',
  'comments',
  'errors',
  'bugs',
  'remarks',
  'changes',
  'feedback',
] as const;
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

/** A word or two that stand for a verdict on their own. */
const REFUSED =
  /^(?:not[ _-]?(?:approved?|accept(?:ed|able)?|ok(?:ay)?|good|ready|passed|correct|lgtm)|dis?approved?|un(?:approved|acceptable|safe|correct)|reject(?:ed|ion)?|refused?|den(?:y|ied)|declined?|block(?:ed|er|ing)?|fail(?:ed|ure|s)?|nack|no(?=[.,;:!]|\s*$)|false|bad|wrong|incorrect|insecure|broken|revise|revision|rework|(?:request(?:ed|s|ing)?|needs?|requires?|make|with|pending)?[ _-]*(?:changes?|work|revisions?|fix(?:es)?|improvements?|rework)(?:[ _-]*(?:requested|required|needed|necessary))?)\b/i;
const APPROVED =
  /^(?:approv(?:e|ed|al)|accept(?:ed|able)?|lgtm|ok(?:ay)?|pass(?:ed|es)?|yes|true|good|fine|correct|ship(?: it)?|merge(?:able)?|looks good|no (?:issues?|problems?|findings?|changes(?: needed| required)?))\b/i;

/** Phrases by which prose refuses; each is a refusal wherever it stands. */
const REFUSALS =
  /\b(?:i (?:would |must |have to |will )?(?:reject|refuse|decline)|(?:is|are|be|been|being) (?:rejected|refused|declined)|\breject(?:ed|ing)?\b(?! (?:invalid|bad|wrong|the input|input|promise|it with|with|null|empty|negative|non|unknown|malformed))|(?:can ?not|can'?t|won'?t|do not|don'?t|would not|wouldn'?t|should not|shouldn'?t|must not) (?:be )?(?:approve|accept|merge|ship|use|deploy)\w*|not (?:approved|acceptable|ready|mergeable|production[- ]ready|correct|safe|secure)|(?:request(?:ing|s|ed)?|needs?|requir(?:es?|ing)|demands?) (?:some |more |further |major |several |the following |significant )?(?:changes?|fix(?:es|ing)?|revisions?|rework|work|corrections?)|(?:must|has to|have to|needs? to|should) be (?:fixed|changed|corrected|rewritten|reworked|replaced|removed|addressed|sanitized|escaped|parameterized)|please (?:fix|change|correct|rewrite|address|revise)|changes? (?:are |is )?(?:requested|required|needed|necessary)|do(?:es)? not (?:work|compile|run|do what|meet|satisfy|handle|terminate|return)|doesn'?t (?:work|compile|run|do what|meet|satisfy|handle|terminate|return)|nack)\b|\b(?:abgelehnt|ablehnen|nicht (?:akzeptabel|korrekt|richtig|freigegeben)|muss (?:[\p{L}\w]+ ){0,4}(?:behoben|ge[äa]ndert|korrigiert)|refus[ée]e?|rejet[ée]e?|inacceptable|rechazad[oa]|rechazar|no aprobad[oa]|rifiutat[oa]|respinto|rejeitad[oa]|recusad[oa]|odrzucon[ey]|afgewezen|avvisad)(?![\p{L}])|отклон|не одобр|нужно исправить|拒绝|驳回|不通过|需要修改|不合格|却下|不承認|修正が必要|거부|반려|수정이 필요/giu;
/** What a person would not merge, when prose names it as being there. */
const DEFECTS =
  /\b(?:vulnerab\w*|injections?|exploit\w*|insecure|unsafe|memory leak|race condition|dead ?lock|infinite (?:loop|recursion)|off[- ]by[- ]one|buffer overflow|use[- ]after[- ]free|null pointer|data loss|bugs?|buggy|incorrect(?:ly)?|wrong(?:ly)?|broken|crash(?:es)?|will (?:fail|crash|throw|hang|break|loop)|fails? (?:for|when|if|on|to)|missing|undefined behaviou?r|never (?:returns?|terminates?|closes?))\b/gi;
/** Right before a defect it says that there is none. */
const NEGATION =
  /\b(?:no|not|without|free of|free from|avoids?|prevents?|never|none|isn'?t|aren'?t|doesn'?t|don'?t|any|zero|0)\b(?:[ ,/-]+[\w'’]+){0,4}[ ,/-]*$/i;
/** The same for a phrase of a refusal, which a comma parts from what is denied: "No, it needs changes." */
const DENIAL = /\b(?:no|not|without|nothing|never|none|isn'?t|aren'?t|doesn'?t|don'?t)\b(?: [\w'’]+){0,2} *$/i;
const APPROVALS =
  /\b(?:lgtm|looks? (?:good|fine|correct|great|ok(?:ay)?|right)|approv(?:e|ed|ing)|accept(?:ed|able)|(?:is|are|seems?|appears?) (?:entirely |fully |all |completely |functionally )?(?:correct|fine|good|right|ok(?:ay)?|sound)|no (?:issues?|problems?|bugs?|errors?|concerns?|changes?)(?: (?:were )?(?:found|needed|necessary|required))?|good to (?:go|merge)|ship it|works (?:correctly|as (?:expected|asked|intended)))\b/i;

/** The review in a reply; `checkedBy` is empty when it gives no verdict, and its words are then one remark. */
export function parseReview(text: string, engine: string): Review {
  const value = jsonObjectsIn(text).find((one) => isReview(one));
  return value === undefined ? fromProse(text, engine) : fromJson(value, text, engine);
}

function isReview(value: Record<string, unknown>): boolean {
  return [...VERDICTS, ...FLAGS, ...LISTS].some((key) => value[key] !== undefined);
}

function fromJson(value: Record<string, unknown>, text: string, engine: string): Review {
  const inner = isRecord(value.review) ? { ...value, ...value.review } : value;
  const findings = findingsOf(inner);
  const said = textOf(inner, SUMMARIES);
  const words = [said, ...findings.map(({ message }) => message)].join('\n');
  let verdict = verdictIn(inner);
  // An approval that goes on to refuse is none; findings alone do not refuse, their severity does that.
  if (verdict === 'approved' && refuses(said)) verdict = 'changes_requested';
  if (verdict === null && findings.some(({ severity }) => severity === 'error')) verdict = 'changes_requested';
  if (verdict === null && (refuses(words) || refuses(outsideJson(text)))) verdict = 'changes_requested';
  if (verdict === null) return undecided(text, findings);
  const summary = (said === '' ? `The model's verdict is ${verdict}.` : said).slice(0, SUMMARY_CHARS_MAX);
  return { verdict, findings, summary, checkedBy: [engine] };
}

function outsideJson(text: string): string {
  return text.replace(/\{[\s\S]*\}/, ' ');
}

function verdictIn(value: Record<string, unknown>): Verdict | null {
  const words = VERDICTS.map((key) => value[key]).filter((one) => typeof one === 'string');
  const flags = FLAGS.map((key) => value[key]).filter((one) => typeof one === 'boolean');
  const spoken = VERDICTS.map((key) => value[key]).filter((one) => typeof one === 'boolean');
  if ([...flags, ...spoken].includes(false) || words.some((word) => isRefusal(word))) return 'changes_requested';
  return [...flags, ...spoken].includes(true) || words.some((word) => APPROVED.test(word.trim())) ? 'approved' : null;
}

function isRefusal(word: string): boolean {
  const said = word.trim().replace(/^\W+/, '');
  return (REFUSED.test(said) && !/^no (?:issues?|problems?|findings?|changes)/i.test(said)) || refuses(said);
}

/** Prose decides only when it is plain; a model's name for a defect that is there is plain enough. */
function fromProse(text: string, engine: string): Review {
  const said = text.trim();
  const opening = said.replace(/^[^\p{L}\p{N}]+/u, '').replace(/^(?:verdict|decision|review|result)\W+/i, '');
  const refused = isRefusal(opening.split(/\n/, 1)[0]?.slice(0, 80) ?? '') || refuses(said) || hasDefect(said);
  if (refused) {
    const finding = remark(said, 'error', 'model-review');
    return { verdict: 'changes_requested', findings: [finding], summary: clipped(said), checkedBy: [engine] };
  }
  const approved = APPROVED.test(opening) || APPROVALS.test(said);
  if (!approved) return undecided(text, []);
  const findings = said.length > 60 ? [remark(said, 'info', 'model-remark')] : [];
  return { verdict: 'approved', findings, summary: clipped(said), checkedBy: [engine] };
}

const HOLES = /\b(?:vulnerab\w*|injections?|exploitable|insecure|remote code execution|path traversal)\b/gi;

function hasHole(text: string): boolean {
  return [...text.matchAll(HOLES)].some(({ index }) => !NEGATION.test(text.slice(Math.max(0, index - 60), index)));
}

function refuses(text: string): boolean {
  return [...text.matchAll(REFUSALS)].some(({ index }) => !DENIAL.test(text.slice(Math.max(0, index - 40), index)));
}

function hasDefect(text: string): boolean {
  return [...text.matchAll(DEFECTS)].some(({ index }) => !NEGATION.test(text.slice(Math.max(0, index - 60), index)));
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

function findingsOf(value: Record<string, unknown>): Finding[] {
  const lists = LISTS.map((key) => value[key]).filter((one) => Array.isArray(one));
  return lists.flatMap((list) => list.flatMap(findingOf)).slice(0, FINDINGS_MAX);
}

function findingOf(raw: unknown): Finding[] {
  if (typeof raw === 'string') return raw.trim() === '' ? [] : [remark(raw.trim(), 'warning', 'model-review')];
  if (!isRecord(raw)) return [];
  const message = textOf(raw, MESSAGES);
  if (message === '') return [];
  return [{ severity: severityOf(raw), line: lineOf(raw), rule: 'model-review', message: clipped(message) }];
}

const SERIOUS =
  /^(?:error|critical|high|major|blocker|blocking|severe|serious|fatal|urgent|security|bug|must|p0|p1|s0|s1)/i;
const SLIGHT = /^(?:info|note|nit|low|minor|trivial|style|suggestion|optional|hint|praise|cosmetic)/i;

function severityOf(raw: Record<string, unknown>): Finding['severity'] {
  const said = textOf(raw, ['severity', 'level', 'priority', 'type', 'category', 'kind']);
  if (SERIOUS.test(said)) return 'error';
  // Whatever weight it is given: nobody merges a hole.
  if (!SLIGHT.test(said) && hasHole(textOf(raw, MESSAGES))) return 'error';
  return SLIGHT.test(said) ? 'info' : 'warning';
}

function lineOf(raw: Record<string, unknown>): number {
  const said = raw.line ?? raw.lineNumber ?? raw.line_number ?? raw.location;
  const line = typeof said === 'number' ? said : Number(/\d+/.exec(typeof said === 'string' ? said : '')?.[0] ?? 0);
  return Number.isSafeInteger(line) && line > 0 ? line : 0;
}
