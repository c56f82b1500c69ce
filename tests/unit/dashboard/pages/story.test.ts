import { describe, expect, it } from 'vitest';
import { FactBuffer } from '../../../../dashboard/src/lib/model/fact-buffer.ts';
import { storyAt } from '../../../../dashboard/src/lib/model/story.ts';
import type { Mark } from '../../../../dashboard/wire.ts';
import { accepted, completed, fact, finished, routed, started } from './facts.ts';

const asked = (atMs: number) =>
  fact('task.input.required', atMs, { question: 'Again?', reason: 'outcome_unknown', choices: ['yes', 'no'] });

describe('a story up to any of its facts', () => {
  const facts = [
    accepted(1000),
    routed(1010),
    started(1011, 1, 'code', 'coder'),
    finished(1500, 1, 'code', 'coder', 'failed'),
    started(1600, 2, 'code', 'coder', 2),
    asked(2000),
    fact('task.input.accepted', 9000, { text: 'yes' }),
    finished(9500, 2, 'code', 'coder'),
    completed(9600),
  ];

  it('has a span for routing, each hop and the wait for a person, with their ends', () => {
    const { spans, status, endMs } = storyAt(facts, []);
    expect(spans.map(({ kind, startMs, endMs: to, status: how }) => [kind, startMs, to, how])).toEqual([
      ['route', 1006, 1010, 'completed'],
      ['hop', 1011, 1500, 'failed'],
      ['hop', 1600, 9500, 'completed'],
      ['wait', 2000, 9000, 'completed'],
    ]);
    expect([status, endMs]).toEqual(['completed', 9600]);
  });

  it('is, at a place of the slider, the task as it was then', () => {
    const then = storyAt(facts, [], 6);
    expect(then.status).toBe('input_required');
    expect(then.question).toMatchObject({ id: facts[5]?.id, text: 'Again?', choices: ['yes', 'no'], askedAtMs: 2000 });
    expect(then.result).toBeNull();
    expect(then.spans.at(-1)).toMatchObject({ kind: 'wait', endMs: null });
    expect(then.path).toEqual(['accepted', 'route', 'code', 'code', 'person']);
  });

  it('adds up the tokens of the hops that had finished by then', () => {
    const usage = { input: 120, output: 30 };
    const counted = [
      accepted(1000),
      finished(1500, 1, 'retrieve', 'retriever'),
      finished(2000, 2, 'code', 'coder', 'completed', { usage }),
      finished(2500, 3, 'review', 'reviewer', 'completed', { usage }),
    ];
    const tokens = [1, 2, 3, 4].map((count) => storyAt(counted, [], count).usage);
    expect(tokens).toEqual([null, null, usage, { input: 240, output: 60 }]);
    expect(storyAt(counted, []).spans.map((span) => span.usage)).toEqual([null, null, usage, usage]);
  });

  it('says of a hop that waits for whom, until its turn has come', () => {
    const waits = (atMs: number, role: string, waiting: boolean, ahead = 0) =>
      fact('hop.waiting', atMs, { role, waiting, ahead });
    const begun = [accepted(1000), routed(1010), started(1011, 1, 'code', 'coder')];
    const all = [...begun, waits(1100, 'llm', true, 3), waits(1200, 'coder', true, 0), waits(1300, 'coder', false)];
    const at = (count: number) => storyAt(all, [], count).spans.at(-1);
    expect(at(3)).toMatchObject({ waiting: null, summary: '' });
    expect(at(4)).toMatchObject({ waiting: { role: 'llm', ahead: 3 }, summary: 'waits for llm, 3 before it' });
    expect(at(5)).toMatchObject({ waiting: { role: 'coder', ahead: 0 }, summary: 'waits for its turn, 0 before it' });
    expect(at(6)).toMatchObject({ waiting: null, summary: '' });
    const ended = storyAt([...all.slice(0, 4), completed(1500)], []);
    expect(ended.spans.at(-1)).toMatchObject({ waiting: null, status: 'completed' });
  });

  it('stays at its end, whatever comes after it', () => {
    expect(storyAt([...facts, started(9999, 3, 'review', 'reviewer')], []).spans).toHaveLength(4);
  });

  it('gives a retry to the hop of its role that was at work, and hides marks of the future', () => {
    const seq = facts[3]?.seq ?? 0;
    const retry: Mark = {
      ...{
        kind: 'retry',
        atMs: 1400,
        seq,
        service: 'agents',
        role: 'coder',
        effect: 'write',
        attempt: 1,
        reason: 'no',
      },
    };
    expect(storyAt(facts, [retry]).spans.map(({ retries }) => retries.length)).toEqual([0, 1, 0, 0]);
    expect(storyAt(facts, [retry], 2).marks).toEqual([]);
    const later: Mark = { kind: 'crash', atMs: 9700, seq, service: 'agents' };
    expect(storyAt(facts, [later]).marks).toEqual([]);
  });

  it('tells a hop whose beginning has left the log', () => {
    expect(storyAt([finished(5000, 3, 'code', 'coder')], []).spans).toMatchObject([{ index: 3, status: 'completed' }]);
  });

  it('folds 10,000 facts in well under a frame of the budget of 1.5 s', () => {
    const many = [accepted(0), routed(1)];
    for (let hop = 1; hop <= 5000; hop += 1) {
      many.push(started(hop * 10, hop, 'code', 'coder'), finished(hop * 10 + 5, hop, 'code', 'coder'));
    }
    expect(storyAt(many, []).spans).toHaveLength(5001);
  });
});

describe('the buffer of facts', () => {
  it('keeps each once and in the order of the log, whoever tells it first', () => {
    const [a, b, c] = [accepted(1), routed(2), started(3, 1, 'code', 'coder')];
    const buffer = new FactBuffer({
      id: 't',
      log: 'l',
      seq: a.seq,
      facts: [a],
      marks: [],
      deadlineMs: null,
      dropped: 0,
    });
    expect(buffer.add([c])).toBe(true);
    expect(buffer.add([b, c])).toBe(true);
    expect(buffer.add([a, b, c])).toBe(false);
    expect(buffer.facts.map(({ id }) => id)).toEqual([a.id, b.id, c.id]);
    expect(buffer.seq).toBe(c.seq);
  });

  it('keeps the first fact, which has the prompt, when it drops others', () => {
    const first = accepted(0);
    const buffer = new FactBuffer({
      id: 't',
      log: 'l',
      seq: 0,
      facts: [first],
      marks: [],
      deadlineMs: null,
      dropped: 0,
    });
    const many = Array.from({ length: 20_010 }, (_, at) => started(at, at, 'code', 'coder'));
    buffer.add(many);
    expect(buffer.facts).toHaveLength(20_000);
    expect(buffer.facts[0]).toBe(first);
    expect(buffer.dropped).toBe(11);
    const [, oldest] = buffer.facts;
    expect(buffer.add([...many.slice(0, 5), first]), 'one that was dropped, told again').toBe(false);
    expect(buffer.facts[1]).toBe(oldest);
  });
});
