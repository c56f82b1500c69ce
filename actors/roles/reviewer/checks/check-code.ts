/**
 * The static checks of the reviewer: code in, findings out. Nothing here executes the code it is given.
 * Owns the limits, the order of findings and the verdict; each language's rules live in its own file, and a model's
 * opinion is added elsewhere.
 */
import type { CodeFile, Finding, Review } from '../../../../schemas/events/generated.ts';
import type { CheckReply, CheckRequest } from './check-worker.ts';
import { languageName } from './languages.ts';
import { hasSyntaxCheck } from './syntax-languages.ts';
import { askSyntax } from './syntax-process.ts';
import { universalFindings } from './universal-check.ts';
import { createWorkerLane, LaneError } from './worker-lane.ts';

/** The most a CodeArtifact holds (schemas/events/data/common.v1.json). */
const TEXT_BYTES_MAX = 200_000;
/** The most a Review holds. */
const FINDINGS_MAX = 100;
const MESSAGE_CHARS_MAX = 2000;
/** A first check reads the compiler's libraries (1–3 s on a slow machine); later ones take milliseconds. */
const CHECK_MS_MAX = 20_000;

export interface CodeToCheck {
  readonly language: string;
  readonly text: string;
  /** Where there are several, each is checked; `text` is all of them. */
  readonly files?: readonly CodeFile[];
  /** What is wrong with it before it is looked at, such as that it was cut. */
  readonly faults?: readonly Finding[];
}

export interface CheckOptions {
  readonly signal?: AbortSignal;
}

const lane = createWorkerLane<CheckRequest, CheckReply>({
  script: new URL('./check-worker.ts', import.meta.url),
  timeoutMs: CHECK_MS_MAX,
  parse: readReply,
});

function readReply(message: unknown): CheckReply {
  if (!isReply(message)) throw new TypeError('A reply needs findings and checkedBy.');
  return message;
}

function isReply(message: unknown): message is CheckReply {
  if (typeof message !== 'object' || message === null) return false;
  return 'findings' in message && 'checkedBy' in message && Array.isArray(message.findings);
}

/**
 * Findings in a text, errors first, then by line; at most 100. `checkedBy` is empty when no checker knows the language.
 * Throws the signal's reason when aborted, and nothing else.
 */
export async function checkCode(code: CodeToCheck, options: CheckOptions = {}): Promise<CheckReply> {
  options.signal?.throwIfAborted();
  const bytes = Buffer.byteLength(code.text);
  if (bytes > TEXT_BYTES_MAX) {
    const message = `The text has ${bytes} bytes; at most ${TEXT_BYTES_MAX} are checked. Send a smaller part of it.`;
    return { findings: [{ severity: 'error', line: 0, rule: 'too-large', message }], checkedBy: [] };
  }
  const language = languageName(code.language);
  const general = universalFindings(code.text);
  if (general.some((finding) => finding.rule === 'empty')) return { findings: general, checkedBy: [] };
  const { files = [], faults = [] } = code;
  const special =
    files.length > 0
      ? await checkFiles(files, options.signal)
      : await checkLanguage({ language, text: code.text }, options.signal);
  return { findings: bounded([...faults, ...general, ...special.findings]), checkedBy: special.checkedBy };
}

/** Each file by its own language; what is found names its file, since lines are counted in it. */
async function checkFiles(files: readonly CodeFile[], signal?: AbortSignal): Promise<CheckReply> {
  const findings: Finding[] = [];
  const checkedBy = new Set<string>();
  for (const { path, language, text } of files) {
    const reply = await checkLanguage({ language: languageName(language), text }, signal);
    for (const finding of reply.findings) findings.push({ ...finding, message: `${path}: ${finding.message}` });
    for (const checker of reply.checkedBy) checkedBy.add(checker);
  }
  return { findings, checkedBy: [...checkedBy] };
}

async function checkLanguage(request: CheckRequest, signal?: AbortSignal): Promise<CheckReply> {
  try {
    const reply = hasSyntaxCheck(request.language) ? await askSyntax(request, signal) : await lane.ask(request, signal);
    return reply.checkedBy.length > 0 ? reply : { findings: [notChecked(request.language)], checkedBy: [] };
  } catch (error) {
    if (!(error instanceof LaneError)) throw error;
    const why =
      error.code === 'timeout'
        ? `took longer than ${CHECK_MS_MAX / 1000} s`
        : 'ended the checker, probably by its size';
    const message = `The check ${why}, so this code cannot be approved. Simplify it and try again.`;
    return { findings: [{ severity: 'error', line: 0, rule: `check-${error.code}`, message }], checkedBy: [] };
  }
}

function notChecked(language: string): Finding {
  const name = language === '' ? 'an unnamed language' : language;
  const message = `There is no checker for ${name}: the code was not checked.`;
  return { severity: 'warning', line: 0, rule: 'not-checked', message };
}

const RANK = { error: 0, warning: 1, info: 2 } as const;

function bounded(findings: readonly Finding[]): Finding[] {
  const sorted = [...findings]
    .sort((a, b) => RANK[a.severity] - RANK[b.severity] || a.line - b.line || a.rule.localeCompare(b.rule))
    .map((finding) => ({ ...finding, message: finding.message.slice(0, MESSAGE_CHARS_MAX) }));
  if (sorted.length <= FINDINGS_MAX) return sorted;
  const left = sorted.length - (FINDINGS_MAX - 1);
  const more: Finding = { severity: 'info', line: 0, rule: 'more', message: `${left} more findings were left out.` };
  return [...sorted.slice(0, FINDINGS_MAX - 1), more];
}

/** A verdict from the static checks alone: any error asks for changes. */
export async function reviewCode(code: CodeToCheck, options: CheckOptions = {}): Promise<Review> {
  const { findings, checkedBy } = await checkCode(code, options);
  const verdict = findings.some((finding) => finding.severity === 'error') ? 'changes_requested' : 'approved';
  return { verdict, findings, summary: summarise(findings, checkedBy), checkedBy };
}

function summarise(findings: readonly Finding[], checkedBy: readonly string[]): string {
  const by = checkedBy.length > 0 ? checkedBy.join(', ') : 'No checker for this language';
  const errors = findings.filter((finding) => finding.severity === 'error');
  const warnings = findings.filter((finding) => finding.severity === 'warning');
  if (findings.length === 0) return `${by}: no findings.`;
  const first = errors[0] ?? warnings[0] ?? findings[0];
  const where = first === undefined || first.line === 0 ? '' : `line ${first.line}: `;
  return `${by}: ${count(errors, 'error')}, ${count(warnings, 'warning')}. ${where}${first?.message ?? ''}`.slice(
    0,
    1000,
  );
}

function count(findings: readonly Finding[], noun: string): string {
  return `${findings.length} ${noun}${findings.length === 1 ? '' : 's'}`;
}

/** Ends the checking thread, for an orderly shutdown; a later check starts it again. */
export function closeChecks(): Promise<void> {
  return lane.close();
}
