/**
 * The checks of the reviewer: code in, findings out. They look at the code and do not execute it, but for the examples of
 * a request (examples/try-examples.ts), which run in a sandbox.
 * Owns the limits, the order of findings and the verdict; each language's rules live in its own file, and a model's
 * opinion is added elsewhere.
 */

import type { CodeFile, Finding, Review } from '../schemas/events/generated.ts';
import { createWorkerPool, WorkerError } from '../worker-pool/worker-pool.ts';
import type { CheckReply, CheckRequest } from './check-worker.ts';
import { closeExamples, tryExamples } from './examples/try-examples.ts';
import { languageName } from './languages.ts';
import { shellCheck } from './shellcheck.ts';
import { sqlFluff } from './sqlfluff.ts';
import { hasSyntaxCheck } from './syntax-languages.ts';

/** The most a CodeArtifact holds (schemas/events/data/common.v1.json). */
const TEXT_BYTES_MAX = 200_000;
/** The most a Review holds. */
const FINDINGS_MAX = 100;
const MESSAGE_CHARS_MAX = 2000;
/** Of work, for one text; nearly all take milliseconds. */
const CHECK_MS_MAX = 20_000;
/** Heap of a process that reads syntax; a grammar with a large text takes a fraction. */
const SYNTAX_HEAP_MB_MAX = 256;
/** Lines and regular expressions, of a text of 200 KB. */
const UNIVERSAL_HEAP_MB_MAX = 64;
/** However many long texts are checked, a short one has a place. */
const SHORT_MAX = 1;

/** By language; they look at what has no error of syntax. */
const INSTALLED: ReadonlyMap<string, typeof shellCheck> = new Map([
  ['shell', shellCheck],
  ['sql', sqlFluff],
]);

export interface CodeToCheck {
  readonly language: string;
  readonly text: string;
  /** Where there are several, each is checked; `text` is all of them. */
  readonly files?: readonly CodeFile[];
  /** What is wrong with it before it is looked at, such as that it was cut. */
  readonly faults?: readonly Finding[];
}

export interface CheckOptions {
  /** What was asked for: code without an error is run against the examples and tests in it. */
  readonly request?: string;
  readonly signal?: AbortSignal;
  /** Whose check it is: callers take turns, and so do the tasks of one. */
  readonly flow?: string;
  readonly task?: string;
  /** Told how many are before it while it waits for a worker, and null when its turn has come. */
  readonly waits?: (ahead: number | null) => void;
}

/** Those that hold for every language take a millisecond: none of them is to wait for a compiler that is at work. */
const universal = createWorkerPool<CheckRequest, CheckReply>({
  script: new URL('./universal-worker.ts', import.meta.url),
  ...{ workMsMax: CHECK_MS_MAX, shortMax: SHORT_MAX, heapMbMax: UNIVERSAL_HEAP_MB_MAX },
  parse: readReply,
});

const checks = createWorkerPool<CheckRequest, CheckReply>({
  script: new URL('./check-worker.ts', import.meta.url),
  // A compiler with its libraries needs 200 MB, which a host has to count as its own when it is a thread.
  kind: 'process',
  ...{ workMsMax: CHECK_MS_MAX, shortMax: SHORT_MAX },
  parse: readReply,
});

/**
 * Grammars are large WebAssembly modules of others: V8 can run out of memory while it makes fast code of one, which ends
 * the whole process. Here it makes no fast code, and what ends is not the service.
 */
const syntax = createWorkerPool<CheckRequest, CheckReply>({
  script: new URL('./syntax-worker.ts', import.meta.url),
  ...{ kind: 'process', execArgv: ['--liftoff-only'], heapMbMax: SYNTAX_HEAP_MB_MAX },
  ...{ workMsMax: CHECK_MS_MAX, shortMax: SHORT_MAX },
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
  if (code.text.trim() === '') {
    const message = 'There is no code to check.';
    return { findings: [{ severity: 'error', line: 0, rule: 'empty', message }], checkedBy: [] };
  }
  const { files = [], faults = [] } = code;
  const special =
    files.length > 0 ? await checkFiles(files, options) : await checkLanguage({ language, text: code.text }, options);
  const found = [...faults, ...special.findings];
  const tried = await examplesOf(code, found, options);
  return { findings: bounded([...found, ...tried.findings]), checkedBy: [...special.checkedBy, ...tried.checkedBy] };
}

async function examplesOf(code: CodeToCheck, found: readonly Finding[], options: CheckOptions): Promise<CheckReply> {
  const { request, signal, flow, task } = options;
  if (request === undefined || found.some(({ severity }) => severity === 'error'))
    return { findings: [], checkedBy: [] };
  return tryExamples(code, request, {
    ...(signal === undefined ? {} : { signal }),
    ...(flow === undefined ? {} : { flow }),
    ...(task === undefined ? {} : { task }),
  });
}

/** Each file by its own language; what is found names its file, since lines are counted in it. */
async function checkFiles(files: readonly CodeFile[], options: CheckOptions): Promise<CheckReply> {
  const findings: Finding[] = [];
  const checkedBy = new Set<string>();
  for (const { path, language, text } of files) {
    const reply = await checkLanguage({ language: languageName(language), text }, options);
    for (const finding of reply.findings) findings.push({ ...finding, message: `${path}: ${finding.message}` });
    for (const checker of reply.checkedBy) checkedBy.add(checker);
  }
  return { findings, checkedBy: [...checkedBy] };
}

async function checkLanguage(request: CheckRequest, options: CheckOptions): Promise<CheckReply> {
  // One after the other: only so can it be said of the check whether it waits.
  const general = await reply(universal, request, options);
  const special = await reply(hasSyntaxCheck(request.language) ? syntax : checks, request, options);
  const isSound = !special.findings.some(({ severity }) => severity === 'error');
  const more = isSound ? await INSTALLED.get(request.language)?.(request.text, options.signal) : undefined;
  const checkedBy = [...special.checkedBy, ...(more?.checkedBy ?? [])];
  const unknown = checkedBy.length === 0 && special.findings.length === 0;
  const findings = unknown ? [notChecked(request.language)] : special.findings;
  return { findings: [...general.findings, ...findings, ...(more?.findings ?? [])], checkedBy };
}

/** Out of time, or of memory, is no fault of the code: it is said that it was not checked. */
async function reply(pool: typeof checks, request: CheckRequest, options: CheckOptions): Promise<CheckReply> {
  try {
    return await pool.ask(request, options);
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    return { findings: [unfinished(error)], checkedBy: [] };
  }
}

const WHY_UNFINISHED = {
  timeout: `its check took longer than ${CHECK_MS_MAX / 1000} s and was ended`,
  crashed: 'it ended its checker, probably by its size',
  busy: 'too many texts wait to be checked',
} as const;

function unfinished({ code }: WorkerError): Finding {
  const message = `The code was not checked: ${WHY_UNFINISHED[code]}. A smaller or simpler text can be checked.`;
  return { severity: 'warning', line: 0, rule: code === 'busy' ? 'check-busy' : `check-${code}`, message };
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
  const by = checkedBy.length > 0 ? checkedBy.join(', ') : notCheckedBecause(findings);
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

function notCheckedBecause(findings: readonly Finding[]): string {
  return findings.some(({ rule }) => rule.startsWith('check-')) ? 'Not checked' : 'No checker for this language';
}

function count(findings: readonly Finding[], noun: string): string {
  return `${findings.length} ${noun}${findings.length === 1 ? '' : 's'}`;
}

/** Ends the checking workers, for an orderly shutdown; a later check starts them again. */
export async function closeChecks(): Promise<void> {
  await Promise.all([universal.close(), checks.close(), syntax.close(), closeExamples()]);
}
