/**
 * The last minute on disk: what this process said, at the finest level, so that the minute before a crash can be looked
 * at after it. Owns: the ring of files, and reading the one that a crash left. Does not own: what is worth a line.
 *
 * 1. Bounded: so many segments of so many bytes; the oldest goes.
 * 2. What was written survives the end of the process, however it ends, but for the last milliseconds; a machine that
 *    loses power loses what its system had not written yet.
 * 3. Never costs work: a disk that is full or gone stops the recorder for a while, and nothing else.
 * 4. Spans that are open stand in the newest segment: a ring that has turned still knows what was under way.
 * 5. What is made late is made before the write that would have taken it: a killed process loses no more by it.
 */
import { closeSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../guards/make-folder.ts';
import { plainJson } from './plain-json.ts';
import type { BegunSpan, FinishedSpan } from './span.ts';

/** Lines wait so long for others; a killed process loses no more. */
const WRITE_EVERY_MS = 20;
const SEGMENT_MS = 10_000;
const SEGMENT_MAX_BYTES = 1_048_576;
/** A whole minute, and the segment that is being written. */
const SEGMENTS = 7;
/** Recordings of crashes that are kept for looking at. */
const CRASHES_KEPT = 3;
const OPEN_MAX = 2000;
const RETRY_MS = 5000;
const LINE_MAX_CHARACTERS = 8192;

export type FlightLine =
  | { readonly kind: 'begun'; readonly atMs: number; readonly span: BegunSpan; readonly resumes: boolean }
  | { readonly kind: 'span'; readonly atMs: number; readonly n: number; readonly span: FinishedSpan }
  /** Spans up to `n` are where they belong. */
  | { readonly kind: 'sent'; readonly atMs: number; readonly n: number }
  | { readonly kind: 'log'; readonly atMs: number; readonly line: Readonly<Record<string, unknown>> }
  /** An input of a task: what came to whom, without its content. */
  | {
      readonly kind: 'event';
      readonly atMs: number;
      readonly task: string;
      readonly role: string;
      readonly type: string;
      readonly hop: number;
    }
  | { readonly kind: 'started'; readonly atMs: number; readonly pid: number }
  | { readonly kind: 'stopped'; readonly atMs: number };

/** What a process that did not stop in order left. */
export interface CrashedFlight {
  readonly pid: number;
  /** Its last line. */
  readonly lastMs: number;
  /** Spans that were open, and may not be resumed. */
  readonly cutOff: readonly BegunSpan[];
  /** Spans that go on in this process. */
  readonly resumed: readonly BegunSpan[];
  /** Spans that ended and may not have been sent. */
  readonly unsent: readonly FinishedSpan[];
}

export interface FlightRecorder {
  /** Null after a stop in order, or at a first start. */
  readonly crashed: CrashedFlight | null;
  /** @param resumes goes on after a crash, such as a task: it is not cut off by it */
  begun(span: BegunSpan, resumes: boolean): void;
  /** @param text of the span, as JSON */
  finished(span: FinishedSpan, text: string, n: number): void;
  sent(n: number): void;
  log(line: Readonly<Record<string, unknown>>): void;
  event(atMs: number, task: string, role: string, type: string, hop: number): void;
  /**
   * Does it before the next write, with all that came since the last one: what is told of work is made beside the work, and
   * not in its midst.
   */
  late(work: () => void): void;
  /** Does what was put off, and writes. */
  flush(): void;
  /** Lines that could not be written. */
  readonly lost: number;
  /** In order: the next start finds nothing to look at. */
  close(): void;
}

/** @param folder of this service alone; made when it is not there */
export function openFlightRecorder(folder: string): FlightRecorder {
  const crashed = setAside(folder);
  const open = new Map<string, { readonly span: BegunSpan; readonly resumes: boolean; written: boolean }>();
  /** Begun since the last write; what has ended until the next one needs no line of its beginning. */
  let fresh: string[] = [];
  let segment: { readonly fd: number; readonly beganMs: number } | null = null;
  let number = 0;
  let bytes = 0;
  let lines: string[] = [];
  const works: (() => void)[] = [];
  let timer: NodeJS.Timeout | null = null;
  let lost = 0;
  let offUntilMs = 0;
  let closed = false;

  const roll = (): void => {
    if (segment !== null) closeSync(segment.fd);
    segment = null;
    makeFolder(folder, 0o700);
    number += 1;
    const fd = openSync(join(folder, nameOf(number)), 'w', 0o600);
    segment = { fd, beganMs: performance.now() };
    rmSync(join(folder, nameOf(number - SEGMENTS)), { force: true });
    const atMs = Date.now();
    const head: FlightLine[] = [{ kind: 'started', atMs, pid: process.pid }];
    for (const one of open.values()) {
      one.written = true;
      head.push({ kind: 'begun', atMs, span: one.span, resumes: one.resumes });
    }
    bytes = writeSync(fd, head.map(textOf).join(''));
  };
  const write = (): void => {
    // The works may bring others.
    for (let at = 0; at < works.length; at += 1) works[at]?.();
    works.length = 0;
    if (timer !== null) clearTimeout(timer);
    timer = null;
    for (const spanId of fresh) {
      const one = open.get(spanId);
      if (one === undefined || one.written) continue;
      one.written = true;
      lines.push(textOf({ kind: 'begun', atMs: Math.round(one.span.startMs), span: one.span, resumes: one.resumes }));
    }
    fresh = [];
    const text = lines.join('');
    const count = lines.length;
    lines = [];
    if (count === 0) return;
    if (performance.now() < offUntilMs) {
      lost += count;
      return;
    }
    try {
      const isOver = segment === null || performance.now() - segment.beganMs > SEGMENT_MS || bytes > SEGMENT_MAX_BYTES;
      if (isOver) roll();
      if (segment !== null) bytes += writeSync(segment.fd, text);
    } catch {
      // A full disk, a folder that is gone: counted and told as a metric; tasks go on.
      lost += count;
      offUntilMs = performance.now() + RETRY_MS;
    }
  };
  const writeSoon = (): void => {
    timer ??= setTimeout(write, WRITE_EVERY_MS).unref();
  };
  const addText = (text: string): void => {
    if (closed) return;
    lines.push(text);
    writeSoon();
  };
  const add = (line: FlightLine): void => addText(textOf(line));
  add({ kind: 'started', atMs: Date.now(), pid: process.pid });
  for (const span of crashed?.resumed ?? []) open.set(span.spanId, { span, resumes: true, written: false });

  return {
    crashed,
    begun(span, resumes) {
      if (open.size >= OPEN_MAX) open.delete(open.keys().next().value ?? '');
      open.set(span.spanId, { span, resumes, written: false });
      fresh.push(span.spanId);
      if (!closed) writeSoon();
    },
    finished(span, text, n) {
      open.delete(span.spanId);
      if (text.length < LINE_MAX_CHARACTERS)
        addText(`{"kind":"span","atMs":${Date.now()},"n":${n},"span":${plainJson(text)}}\n`);
    },
    sent: (n) => add({ kind: 'sent', atMs: Date.now(), n }),
    log: (line) => add({ kind: 'log', atMs: Date.now(), line }),
    // Names and ids of ours have nothing in them that JSON would escape.
    event: (atMs, task, role, type, hop) =>
      addText(`{"kind":"event","atMs":${atMs},"task":"${task}","role":"${role}","type":"${type}","hop":${hop}}\n`),
    late(work) {
      if (closed) return work();
      works.push(work);
      writeSoon();
    },
    flush: write,
    get lost() {
      return lost;
    },
    close() {
      if (closed) return;
      // The word of an end stands last, behind the beginnings that are written late.
      write();
      add({ kind: 'stopped', atMs: Date.now() });
      write();
      closed = true;
      if (segment !== null) closeSync(segment.fd);
      segment = null;
    },
  };
}

function textOf(line: FlightLine): string {
  // People look at these files with `cat`.
  const text = plainJson(JSON.stringify(line));
  if (text.length <= LINE_MAX_CHARACTERS) return `${text}\n`;
  return line.kind === 'log' ? `${JSON.stringify({ ...line, line: { msg: 'too long' } })}\n` : '';
}

function nameOf(number: number): string {
  return `${String(number).padStart(9, '0')}.jsonl`;
}

/** Empties the folder for a new recording; what a crash left is kept beside it. */
function setAside(folder: string): CrashedFlight | null {
  let crashed: CrashedFlight | null = null;
  try {
    const lines = readFlight(folder);
    if (lines.length === 0 || lines.at(-1)?.kind === 'stopped') {
      rmSync(folder, { recursive: true, force: true });
      return null;
    }
    crashed = crashedFrom(lines);
    renameSync(folder, `${folder}.crash-${crashed.lastMs}`);
    for (const old of crashFolders(folder).slice(CRASHES_KEPT)) rmSync(old, { recursive: true, force: true });
  } catch {
    // A recorder that cannot read its own past records on.
  }
  return crashed;
}

/** Recordings of crashes, the newest first. */
export function crashFolders(folder: string): string[] {
  const at = folder.lastIndexOf('/');
  const [parent, prefix] = [folder.slice(0, at), `${folder.slice(at + 1)}.crash-`];
  const names = filesIn(parent).filter((name) => name.startsWith(prefix));
  const timeOf = (name: string): number => Number(name.slice(prefix.length));
  return names.toSorted((one, other) => timeOf(other) - timeOf(one)).map((name) => join(parent, name));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** All lines of a recording, in order; a last line that was cut off, and what is no line, is left out. */
export function readFlight(folder: string): FlightLine[] {
  const names = filesIn(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort();
  return names.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .flatMap((text) => parsed(text)),
  );
}

function parsed(text: string): FlightLine[] {
  if (text === '') return [];
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null && 'kind' in line && 'atMs' in line ? [line as FlightLine] : [];
  } catch {
    return [];
  }
}

function crashedFrom(lines: readonly FlightLine[]): CrashedFlight {
  const begun = new Map<string, { readonly span: BegunSpan; readonly resumes: boolean }>();
  const ended = new Map<number, FinishedSpan>();
  let sent = 0;
  let pid = 0;
  for (const line of lines) {
    if (line.kind === 'begun') begun.set(line.span.spanId, line);
    else if (line.kind === 'span') {
      begun.delete(line.span.spanId);
      ended.set(line.n, line.span);
    } else if (line.kind === 'sent') sent = Math.max(sent, line.n);
    else if (line.kind === 'started') pid = line.pid;
  }
  const still = [...begun.values()];
  return {
    ...{ pid, lastMs: lines.reduce((last, { atMs }) => Math.max(last, atMs), 0) },
    cutOff: still.filter(({ resumes }) => !resumes).map(({ span }) => span),
    resumed: still.filter(({ resumes }) => resumes).map(({ span }) => span),
    unsent: [...ended].filter(([n]) => n > sent).map(([, span]) => span),
  };
}
