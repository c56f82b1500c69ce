import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredMessage } from '../../../../bus/port.ts';
import { projectRoot } from '../../../../config/settings.ts';
import { TaskBoard } from '../../../../dashboard/server/board.ts';
import { Journals } from '../../../../dashboard/server/journals.ts';
import { wireFact } from '../../../../dashboard/server/wire-fact.ts';
import type { MeshEvent } from '../../../../schemas/events/envelope.ts';
import { type Fact, factFrom } from '../../../../schemas/events/fact.ts';

const A = '0b0ae3f0-7a0c-4c0e-9a54-0c8d3a1f2b11';
const B = '0b0ae3f0-7a0c-4c0e-9a54-0c8d3a1f2b12';
let seq = 0;

/** The golden events of the schemas are the real forms; only what a test is about is changed. */
function fact<T extends MeshEvent>(name: string, id: string, data: object = {}): Fact {
  const path = join(projectRoot, 'schemas', 'events', 'golden', `${name}.json`);
  const golden = JSON.parse(readFileSync(path, 'utf8')) as T;
  seq += 1;
  const event = { ...golden, id: `${name}-${seq}`, correlationid: id, data: { ...golden.data, ...data } };
  return factFrom(event, { seq, index: 0, storedAtMs: seq });
}

describe('the board', () => {
  it('has a row a task with what its facts tell', () => {
    const board = new TaskBoard(10);
    board.apply([fact('task.accepted', A, { prompt: 'x'.repeat(500) })]);
    board.apply([fact('task.routed', A)]);
    board.apply([fact('task.input.required', A, { question: 'sure?', choices: ['yes'] })]);
    expect(board.row(A)).toMatchObject({ status: 'input_required', question: { text: 'sure?', choices: ['yes'] } });
    expect(board.row(A)?.prompt).toHaveLength(240);
    board.apply([fact('task.input.accepted', A)]);
    expect(board.row(A)).toMatchObject({ status: 'running', question: null });
  });

  it('counts a step that failed and was begun again, and nothing else, as a retry', () => {
    const board = new TaskBoard(10);
    const hop = (status: string) => ({
      hop: { index: 1, step: 'code', role: 'coder', attempt: 1, status, engine: '', summary: '', ms: 1 },
    });
    const start = { index: 1, step: 'code', role: 'coder', attempt: 1 };
    board.apply([fact('hop.started', A, start), fact('hop.finished', A, hop('failed'))]);
    expect(board.row(A)?.retries).toBe(0);
    board.apply([fact('hop.started', A, { ...start, index: 2 }), fact('hop.finished', A, hop('completed'))]);
    board.apply([fact('hop.started', A, { ...start, index: 3 })]);
    expect(board.row(A)?.retries).toBe(1);
  });

  it('adds up tokens, and has at the end what the task itself says of its hops', () => {
    const board = new TaskBoard(10);
    const hop = (index: number, usage?: object) => ({
      ...{ index, step: 'code', role: 'coder', attempt: 1, status: 'completed', engine: '', summary: '', ms: 1 },
      ...(usage === undefined ? {} : { usage }),
    });
    board.apply([fact('hop.finished', A, { hop: hop(1) })]);
    expect(board.row(A)?.usage).toBeNull();
    const first = hop(2, { input: 100, output: 5 });
    board.apply([fact('hop.finished', A, { hop: first }), fact('hop.finished', A, { hop: hop(3, first.usage) })]);
    expect(board.row(A)?.usage).toEqual({ input: 200, output: 10 });
    const ended = fact('task.completed', A);
    if (ended.event.type !== 'dev.agentmesh.task.completed.v1') throw new Error('another golden event');
    const { result } = ended.event.data;
    board.apply([fact('task.completed', A, { result: { ...result, hops: [hop(1), first] } })]);
    expect(board.row(A)?.usage).toEqual({ input: 100, output: 5 });
  });

  it('stays at the end of a task', () => {
    const board = new TaskBoard(10);
    board.apply([fact('task.cancelled', A)]);
    expect(board.apply([fact('hop.started', A)])).toBeNull();
    expect(board.row(A)?.status).toBe('cancelled');
  });

  it('tells what changed after a sequence, and keeps a bounded number of rows', () => {
    const board = new TaskBoard(1);
    board.apply([fact('task.accepted', A)]);
    const place = board.seq;
    expect(board.since(place)).toEqual([]);
    board.apply([fact('task.accepted', B)]);
    expect(board.since(place).map(({ id }) => id)).toEqual([B]);
    expect([board.size, board.row(A)]).toEqual([1, null]);
  });
});

describe('facts for pages', () => {
  it('are whole when they are small', () => {
    const one = wireFact(fact('hop.started', A));
    expect(one).toMatchObject({ type: 'hop.started', cutFrom: null });
  });

  it('keep their structure and lose only the length of their texts when they are not', () => {
    const result = {
      outcome: 'answered',
      answer: 'y'.repeat(50_000),
      engine: '',
      citations: [],
      hops: [],
      messages: [],
    };
    const one = wireFact(fact('task.completed', A, { result }));
    expect(one.cutFrom).toBeGreaterThan(50_000);
    expect(JSON.stringify(one.data).length).toBeLessThan(4000);
    expect(one.data).toMatchObject({ result: { outcome: 'answered', citations: [] } });
  });
});

describe('marks of the journals', () => {
  const record = (process: string, n: number, word?: string, more: object[] = []): StoredMessage => {
    seq += 1;
    const head = { type: 'dev.agentmesh.journal.record.v1', data: { process, host: 'h', n, ...(word && { word }) } };
    const data = new TextEncoder().encode(JSON.stringify([head, ...more]));
    return { seq, subject: 'mesh.journal.agents.3', atMs: seq, data, header: () => '', headers: () => [] };
  };

  it('tell a crash from a stop in order, and nothing of the first start', () => {
    const journals = new Journals(A);
    const kinds = [
      record('p1', 1, 'claimed'),
      record('p1', 2),
      record('p2', 3, 'claimed'),
      record('p2', 4, 'stopped'),
      record('p3', 5, 'claimed'),
    ].map((message) => journals.marksOf(message).map(({ kind }) => kind));
    expect(kinds).toEqual([[], [], ['crash'], [], ['restart']]);
  });

  it('tell attempts of the task that failed, and not of others', () => {
    const retried = (correlationid: string) => ({
      ...{
        type: 'dev.agentmesh.effect.retried.v1',
        correlationid,
        actor: 'llm',
        appliedat: '2026-01-01T00:00:00.000Z',
      },
      data: { effect: 'generate', attempt: 2, error: { code: 'x', message: 'busy', retryable: true } },
    });
    const marks = new Journals(A).marksOf(record('p1', 1, undefined, [retried(A), retried(B)]));
    expect(marks).toMatchObject([{ kind: 'retry', role: 'llm', effect: 'generate', attempt: 2, reason: 'busy' }]);
  });

  it('tell how long the caller of the task lets it take', () => {
    const submitted = (correlationid: string, deadlineMs?: unknown) => ({
      ...{ type: 'dev.agentmesh.task.submitted.v1', correlationid, data: { prompt: 'x', deadlineMs } },
    });
    const said = (...entries: object[]): number | null => {
      const journals = new Journals(A);
      journals.marksOf(record('p1', 1, undefined, entries));
      return journals.deadlineMs;
    };
    expect(said(submitted(B, 1000), submitted(A, 90_000))).toBe(90_000);
    expect([said(), said(submitted(A)), said(submitted(A, 'soon'))]).toEqual([null, null, null]);
  });

  it('pass over what is no record', () => {
    const data = new TextEncoder().encode('not json');
    const odd = { seq: 1, subject: 'mesh.journal.agents.3', atMs: 1, data, header: () => '', headers: () => [] };
    expect(new Journals(A).marksOf(odd)).toEqual([]);
  });
});
