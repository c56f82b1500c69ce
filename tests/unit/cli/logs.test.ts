import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LINE_CHARS_MAX, lineSplitter } from '../../../cli/supervisor/lines.ts';
import { openLogFile } from '../../../cli/supervisor/log-file.ts';
import { isShown, lineText, parseNatsLine, parseServiceLine } from '../../../cli/supervisor/log-line.ts';
import { plain } from '../../../cli/terminal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('lines of a process', () => {
  it('are cut where they end, however the chunks fall', () => {
    const lines: string[] = [];
    const splitter = lineSplitter((line) => lines.push(line));
    const bytes = Buffer.from('one\r\ntwo ü\nthree');
    for (const byte of bytes) splitter.push(Buffer.from([byte]));
    splitter.end();
    expect(lines).toEqual(['one', 'two ü', 'three']);
  });

  it('that never end are cut at the limit', () => {
    const lines: string[] = [];
    const splitter = lineSplitter((line) => lines.push(line));
    for (let i = 0; i < 10; i++) splitter.push(Buffer.alloc(LINE_CHARS_MAX / 4, 'x'));
    splitter.end();
    expect(lines.every((line) => line.length <= LINE_CHARS_MAX)).toBe(true);
  });
});

describe('a log file', () => {
  it('is bounded: three files of the given size', () => {
    const path = join(folder, 'agents.log');
    const log = openLogFile(path, 100);
    for (let i = 0; i < 100; i++) log.write(`line ${i}`);
    log.close();
    const sizes = [path, `${path}.1`, `${path}.2`].map((file) => readFileSync(file).byteLength);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
    expect(existsSync(`${path}.3`)).toBe(false);
    expect(readFileSync(path, 'utf8')).toContain('line 99');
  });

  it('has nothing that a terminal obeys or that nobody sees', () => {
    const path = join(folder, 'tools.log');
    const log = openLogFile(path);
    log.write('\u001bP+q\u001b\\a\u001b_G\u001b\\b\u009b31m \u0007ok\rno \u202ekcab\u200b');
    log.close();
    const text = readFileSync(path, 'utf8');
    expect(text).not.toMatch(/[^\P{Cc}\n\t]|\p{Default_Ignorable_Code_Point}/u);
    expect(text.split('\n').at(-2)).toBe('ab<U+009B>31m okno <U+202E>kcab<U+200B>');
  });

  it('is added to after a restart', () => {
    const path = join(folder, 'agents.log');
    for (const line of ['one', 'two']) {
      const log = openLogFile(path);
      log.write(line);
      log.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  });
});

describe('a line on the terminal', () => {
  it('shows level, message and fields of a service', () => {
    const raw = JSON.stringify({
      level: 'warn',
      time: 'x',
      service: 'agents',
      msg: 'late',
      ms: 7,
      error: { message: 'no' },
    });
    const line = parseServiceLine(raw);
    expect(line).toEqual({ level: 'warn', message: 'late', time: '', fields: 'ms=7 error=no' });
    expect(lineText('agents', 'cyan', line, plain)).toBe('agents │          warn  late ms=7 error=no');
  });

  it.each([
    ['{broken', 'info'],
    ['TypeError: boom', 'error'],
    ['    at file.ts:1:1', 'info'],
  ])('takes %j as text', (raw, level) => {
    expect(parseServiceLine(raw)).toMatchObject({ level, message: raw });
  });

  it.each([
    ['[7] 2026/01/02 03:04:05.678901 [INF] Server is ready', 'debug', 'Server is ready'],
    ['[7] 2026/01/02 03:04:05.678901 [WRN] slow', 'warn', 'slow'],
    ['[7] 2026/01/02 03:04:05.678901 [FTL] no store', 'error', 'no store'],
    ['nats-server: something else', 'info', 'nats-server: something else'],
  ])('reads %j of nats-server', (raw, level, message) => {
    expect(parseNatsLine(raw)).toMatchObject({ level, message });
  });

  it('is shown from the wanted level on', () => {
    const line = parseNatsLine('[7] 2026/01/02 03:04:05.678901 [INF] hello');
    expect([isShown(line, 'debug'), isShown(line, 'info')]).toEqual([true, false]);
  });
});
