/** The last minute on disk, in real files. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import {
  crashFolders,
  type FlightRecorder,
  openFlightRecorder,
  readFlight,
} from '../../../telemetry/flight-recorder.ts';
import type { BegunSpan } from '../../../telemetry/span.ts';

let home: string;
let folder: string;
const opened: FlightRecorder[] = [];
const span = (id: string): BegunSpan => ({
  ...{ traceId: 'a'.repeat(32), spanId: id, parentSpanId: '', name: 'agent.hop', kind: 'internal' },
  ...{ startMs: 1, attributes: {} },
});
const open = (): FlightRecorder => {
  const recorder = openFlightRecorder(folder);
  opened.push(recorder);
  return recorder;
};
/** What a killed process leaves: all that was written, and no word of an end. */
const abandon = (): unknown => vi.advanceTimersByTime(25);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  home = mkdtempSync(join(tmpdir(), 'mesh-flight-'));
  folder = join(home, 'agents-1');
});
afterEach(() => {
  vi.useRealTimers();
  for (const recorder of opened.splice(0)) recorder.close();
  rmSync(home, { recursive: true, force: true });
});

test('what it writes does nothing to the terminal of whoever looks at it', () => {
  const recorder = open();
  const name = 'a\u009b31m\u007f\u202e\u200b\u2028b';
  recorder.begun({ ...span('1'), name }, false);
  recorder.log({ msg: name });
  recorder.begun(span('2'), false);
  recorder.finished({ ...span('2'), endMs: 2, failure: null }, JSON.stringify({ engine: name }), 1);
  abandon();
  recorder.close();
  const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  for (const told of ['name', 'msg', 'engine']) expect(texts.join('')).toContain(`"${told}":"a\\u009b31m`);
  expect(texts.join('')).not.toMatch(/[^\P{Cc}\n]|\p{Default_Ignorable_Code_Point}|\u2028/u);
});

describe('after a crash', () => {
  it('knows what was open, what goes on, and what may not have been sent', () => {
    const first = open();
    first.begun(span('1'), false);
    first.begun(span('2'), true);
    for (const [n, id] of [
      [1, '3'],
      [2, '4'],
    ] as const) {
      const ended = { ...span(id), endMs: 2, failure: null };
      first.finished(ended, JSON.stringify(ended), n);
    }
    first.sent(1);
    abandon();
    const { crashed } = open();
    expect(crashed?.pid).toBe(process.pid);
    expect(crashed?.cutOff.map(({ spanId }) => spanId)).toEqual(['1']);
    expect(crashed?.resumed.map(({ spanId }) => spanId)).toEqual(['2']);
    expect(crashed?.unsent.map(({ spanId }) => spanId)).toEqual(['4']);
    expect(crashFolders(folder)).toHaveLength(1);
  });

  it('still resumes what was resumed, after a second one', () => {
    open().begun(span('2'), true);
    abandon();
    open();
    abandon();
    expect(open().crashed?.resumed.map(({ spanId }) => spanId)).toEqual(['2']);
  });

  it('keeps the recordings of three', () => {
    for (let at = 0; at < 6; at += 1) {
      open().event(at, 't', 'coder', 'hop.requested', at);
      abandon();
      vi.advanceTimersByTime(1000);
    }
    open();
    expect(crashFolders(folder)).toHaveLength(3);
  });

  it('reads over a last line that was cut off', () => {
    open().event(1, 't', 'coder', 'hop.requested', 1);
    abandon();
    writeFileSync(join(folder, '999999999.jsonl'), '{"kind":"begun","atMs":1,"sp');
    expect(open().crashed?.cutOff).toEqual([]);
  });
});

describe('a recording', () => {
  it('of a process that stopped in order is nothing to look at', () => {
    const first = open();
    first.begun(span('1'), false);
    first.close();
    expect(open().crashed).toBeNull();
    expect(crashFolders(folder)).toEqual([]);
  });

  it('has what was put off, and what that put off, with the next write; what ended until then has no beginning', () => {
    const recorder = open();
    recorder.begun(span('1'), false);
    const ended = { ...span('1'), endMs: 2, failure: null };
    recorder.late(() => recorder.late(() => recorder.finished(ended, JSON.stringify(ended), 1)));
    recorder.event(5, 't', 'coder', 'hop.requested', 1);
    vi.advanceTimersByTime(100);
    expect(readFlight(folder).map(({ kind }) => kind)).toEqual(['started', 'started', 'event', 'span']);
    recorder.late(() => recorder.sent(1));
    recorder.close();
    expect(readFlight(folder).map(({ kind }) => kind)).toEqual([
      'started',
      'started',
      'event',
      'span',
      'sent',
      'stopped',
    ]);
  });

  it('is bounded in files and bytes, and an attempt that outlasts it is still known', () => {
    const recorder = open();
    recorder.begun(span('1'), false);
    for (let at = 0; at < 40; at += 1) {
      for (let line = 0; line < 400; line += 1) recorder.log({ msg: 'x'.repeat(1000) });
      vi.advanceTimersByTime(3000);
    }
    const files = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
    expect(files.length).toBeLessThanOrEqual(7);
    expect(Math.max(...files)).toBeLessThan(2 * 1_048_576);
    abandon();
    expect(open().crashed?.cutOff.map(({ spanId }) => spanId)).toEqual(['1']);
  });

  it('needs no line for the beginning of what has ended before it was written', () => {
    const recorder = open();
    recorder.begun(span('1'), false);
    const ended = { ...span('1'), endMs: 2, failure: null };
    recorder.finished(ended, JSON.stringify(ended), 1);
    abandon();
    expect(readFlight(folder).map(({ kind }) => kind)).toEqual(['started', 'started', 'span']);
  });

  it('goes on when its folder cannot be written, and counts what is lost', () => {
    writeFileSync(join(home, 'file'), '');
    folder = join(home, 'file', 'agents-1');
    const recorder = open();
    recorder.log({ msg: 'x' });
    abandon();
    expect(recorder.lost).toBeGreaterThan(0);
    expect(existsSync(folder)).toBe(false);
  });
});
