/** What `mesh status` shows of services: in windows of several widths, and when something is wrong. */
import { describe, expect, it } from 'vitest';
import { statusLines } from '../../../cli/status-view.ts';
import type { ServiceRecord } from '../../../cli/supervisor/run-state.ts';
import { plain } from '../../../cli/terminal.ts';
import type { Heartbeat } from '../../../registry/registry.ts';

const nowMs = Date.parse('2026-11-25T16:00:00.000Z');
const local = (name: string, pid: number, more: Partial<ServiceRecord> = {}): ServiceRecord => ({
  ...{ name, process: { pid, mark: 'm' }, state: 'ready', restarts: 0, problem: null },
  startedAt: '2026-11-25T15:58:20.000Z',
  ...more,
});
const beat = (service: string, pid: number, more: Partial<Heartbeat> = {}): Heartbeat => ({
  ...{ service, host: 'desk-1', pid, roles: [service], startedAt: '2026-11-25T15:58:21.000Z', ageMs: 700 },
  ...{ version: '0.1.0', state: 'ready', cursorLag: 0, instances: 3, memoryMb: 150 },
  capacity: { threads: 5, memoryMb: 150, memoryLimitMb: 768, queueDepth: 2, freeSlots: 7 },
  capabilities: ['engine:extractive'],
  ...more,
});
const show = (records: ServiceRecord[], beats: Heartbeat[], width = 200): string[] =>
  statusLines(records, beats, { width, paint: plain, nowMs });

describe('the table of services', () => {
  it('has a line for each, and what it offers', () => {
    expect(show([local('nats', 9), local('llm', 10)], [beat('llm', 10)])).toEqual([
      '  service  state  process  up for      memory          threads  queue  behind  free  actors',
      '● nats     ready  9        1 min 40 s',
      '● llm      ready  10       1 min 40 s  150 of 768 MiB  5        2      0       7     3',
      '  llm  role:llm engine:extractive',
    ]);
  });

  it.each([40, 60, 80, 120])('fits a window of %d columns, with everything to tell', (width) => {
    const tags = Array.from({ length: 60 }, (_, index) => `tool:number-${index}`);
    const breakers = [
      { name: 'llm:openai', state: 'open' as const, failures: 5, openedAt: null, reason: 'x'.repeat(300) },
    ];
    const capacity = {
      threads: 9,
      memoryMb: 1500,
      memoryLimitMb: 7680,
      queueDepth: 1200,
      freeSlots: 0,
      tokensPerSecond: 12.5,
    };
    const full = beat('llm', 10, {
      capabilities: tags,
      breakers,
      capacity,
      memoryMb: 1500,
      saturated: 'y'.repeat(300),
    });
    const lines = show([local('nats', 9), local('llm', 10, { restarts: 12 })], [full], width);
    const tooWide = lines.filter((line) => line.length > Math.max(width, 63));
    expect(tooWide).toEqual([]);
    expect(lines[0]).toContain('memory');
    expect(lines[0]).toContain('restarts');
    if (width >= 80) for (const title of ['queue', 'behind', 'threads']) expect(lines[0]).toContain(title);
  });

  it('says what is wrong, and why', () => {
    const breakers = [
      {
        name: 'llm:openai',
        state: 'open' as const,
        failures: 5,
        openedAt: '2026-11-25T15:59:52.000Z',
        reason: 'refused',
      },
      { name: 'llm:other', state: 'closed' as const, failures: 0, openedAt: null, reason: null },
    ];
    const lines = show(
      [local('llm', 10), local('tools', 11, { state: 'waiting', process: null, problem: 'was killed by SIGKILL' })],
      [
        beat('llm', 10, { breakers, saturated: 'memory 700 of 768 MiB', problems: ['LLM_MODEL_PATH is no GGUF'] }),
        beat('agents', 12, { host: 'other-2', ageMs: 7000 }),
      ],
    );
    expect(lines.filter((line) => line.startsWith('!'))).toEqual([
      '! llm takes new work late: memory 700 of 768 MiB',
      '! llm: llm:openai is left alone for 8.0 s after 5 failures: refused',
      '! llm: LLM_MODEL_PATH is no GGUF',
      '! tools was killed by SIGKILL',
      '! agents on other-2 has been silent for 7.0 s',
    ]);
    const states = lines.slice(1, 4).map((line) => line.replaceAll(/ {2,}/g, '|').split('|').slice(0, 2));
    expect(states).toEqual([
      ['● llm', 'saturated'],
      ['● tools', 'waiting'],
      ['● agents on other-2', 'silent'],
    ]);
  });

  it('passes over the entry of a process that was started anew', () => {
    const lines = show([local('llm', 20)], [beat('llm', 10, { memoryMb: 999 })]);
    expect(lines.join('\n')).not.toContain('999');
  });

  it('understands a service of another release, which says less', () => {
    const bare: Heartbeat = { service: 'llm', host: 'h', pid: 1, roles: ['llm'], startedAt: 'x', ageMs: 1 };
    expect(show([], [bare])).toEqual(['  service   state  process', '● llm on h  ready  1', '  llm on h  role:llm']);
  });

  it('says so when nobody has reported', () => {
    expect(show([], [])).toEqual(['No service has reported yet.']);
  });
});

describe('a clock', () => {
  it.each([
    [35_000, '! llm on desk-1: the clock is 35.0 s ahead of the log server'],
    [-7_200_000, '! llm on desk-1: the clock is 2 h 00 min behind the log server'],
  ])('that is off by %d ms is told', (clockSkewMs, text) => {
    expect(show([], [beat('llm', 10, { clockSkewMs })]).filter((line) => line.startsWith('!'))).toEqual([
      expect.stringContaining(text),
    ]);
  });

  it('that is off by less than a second is not', () => {
    expect(show([], [beat('llm', 10, { clockSkewMs: 999 })]).some((line) => line.startsWith('!'))).toBe(false);
  });
});
