import { describe, expect, it } from 'vitest';
import { timeLeftMs } from '../../../../dashboard/src/lib/model/deadline.ts';
import { forkPlan } from '../../../../dashboard/src/lib/model/fork.ts';
import { storyAt } from '../../../../dashboard/src/lib/model/story.ts';
import { accepted, completed, fact, finished, routed, started } from './facts.ts';

const facts = [
  accepted(1000, 'Write it'),
  routed(1010),
  started(1011, 1, 'retrieve', 'retriever'),
  finished(1500, 1, 'retrieve', 'retriever'),
  started(1600, 2, 'code', 'coder'),
  finished(2000, 2, 'code', 'coder'),
  started(2100, 3, 'review', 'reviewer'),
  finished(2500, 3, 'review', 'reviewer'),
  completed(2600),
];

describe('forking a task', () => {
  it('offers every hop that has ended, and means the last one', () => {
    expect(forkPlan(facts, null)).toEqual({
      hops: [
        { index: 1, step: 'retrieve' },
        { index: 2, step: 'code' },
        { index: 3, step: 'review' },
      ],
      ...{ hop: 3, prompt: 'Write it', isCut: false },
    });
  });

  it.each([
    { at: 1, hop: 1 },
    { at: 4, hop: 1 },
    { at: 5, hop: 2 },
    { at: 6, hop: 2 },
    { at: 7, hop: 3 },
    { at: 9, hop: 3 },
  ])('from event $at it means hop $hop: the one at work then', ({ at, hop }) => {
    expect(forkPlan(facts, at)).toMatchObject({ hop, hops: { length: 3 } });
  });

  it('offers none before one has ended, and not the one at work', () => {
    expect(forkPlan(facts.slice(0, 3), null)).toMatchObject({ hops: [], hop: 0 });
    expect(forkPlan(facts.slice(0, 5), null)).toMatchObject({ hops: [{ index: 1 }], hop: 1 });
  });

  it('knows that the prompt is not whole', () => {
    const long = fact('task.accepted', 0, { prompt: 'Write…' }, { cutFrom: 5000 });
    expect(forkPlan([long, ...facts.slice(1)], null)).toMatchObject({ prompt: 'Write…', isCut: true });
    expect(forkPlan([], null)).toEqual({ hops: [], hop: 0, prompt: '', isCut: true });
  });
});

describe('time that is left to a task', () => {
  const asked = fact('task.input.required', 3000, { question: 'Again?', reason: 'approval', choices: [] });
  const waits = [...facts.slice(0, 4), asked];

  it('runs while it works, and stands still while a person is asked', () => {
    expect(timeLeftMs(storyAt(facts.slice(0, 4), []), 10_000, 4000)).toBe(7000);
    for (const now of [3000, 9000, 1e9]) expect(timeLeftMs(storyAt(waits, []), 10_000, now)).toBe(8000);
    const on = [...waits, fact('task.input.accepted', 50_000, { text: 'yes' })];
    expect(timeLeftMs(storyAt(on, []), 10_000, 51_000)).toBe(7000);
  });

  it('is never less than none', () => {
    expect(timeLeftMs(storyAt(facts.slice(0, 4), []), 10_000, 1e12)).toBe(0);
  });
});
