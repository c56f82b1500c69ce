import { describe, expect, it } from 'vitest';
import { chartOf } from '../../../../dashboard/src/lib/model/machine.ts';
import { storyAt } from '../../../../dashboard/src/lib/model/story.ts';
import { accepted, completed, finished, routed, started } from './facts.ts';

const shape = {
  name: 'build',
  description: '',
  steps: [
    { step: 'retrieve', role: 'retriever', optional: true },
    { step: 'code', role: 'coder', optional: false },
    { step: 'review', role: 'reviewer', optional: false },
  ],
  loop: { review: 'review', revise: 'code', maxCycles: 2 },
  deadlineMs: null,
};
const facts = [
  accepted(0),
  routed(1),
  started(2, 1, 'code', 'coder'),
  finished(3, 1, 'code', 'coder'),
  started(4, 2, 'review', 'reviewer'),
  finished(5, 2, 'review', 'reviewer'),
  started(6, 3, 'code', 'coder', 2),
  finished(7, 3, 'code', 'coder'),
  completed(8),
];

describe('the state chart', () => {
  it('knows where the task is and which ways it took, at any place of the log', () => {
    const chart = chartOf(storyAt(facts, [], 7), shape, 1000);
    expect(chart.states.filter(({ here }) => here).map(({ name }) => name)).toEqual(['code']);
    expect(chart.states.find(({ name }) => name === 'code')).toMatchObject({ visits: 2, tone: 'running' });
    expect(chart.states.find(({ name }) => name === 'retrieve')).toMatchObject({ visits: 0, tone: 'plain' });
    const taken = chart.ways.filter((way) => way.taken > 0).map(({ from, to }) => `${from}→${to}`);
    expect(taken.sort()).toEqual(['accepted→route', 'code→review', 'review→code', 'route→code']);
  });

  it('goes back by the router where that decides the next round, and offers no other way', () => {
    const again = [...facts.slice(0, 6), routed(5.5, 'revise'), ...facts.slice(6)];
    const ways = chartOf(storyAt(again, []), shape, 1000).ways.map(({ from, to }) => `${from}→${to}`);
    expect(ways).toContain('review→route');
    expect(ways).not.toContain('review→code');
  });

  it('has each state once, also where steps are called as the states around them', () => {
    const names = ['route', 'accepted', 'person', 'completed', 'code', 'code'];
    const odd = { ...shape, steps: names.map((step) => ({ step, role: 'coder', optional: false })) };
    const { states, ways } = chartOf(storyAt(facts, []), odd, 1000);
    expect(new Set(states.map(({ name }) => name)).size).toBe(states.length);
    expect(new Set(ways.map(({ key }) => key)).size).toBe(ways.length);
  });

  it.each([240, 320, 700, 1400])('has every state inside a box of %i pixels', (width) => {
    const { states, nodeWidth, nodeHeight, height } = chartOf(storyAt(facts, []), shape, width);
    for (const { x, y } of states) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x + nodeWidth).toBeLessThanOrEqual(width);
      expect(y + nodeHeight).toBeLessThanOrEqual(height);
    }
  });

  it('shows steps of a workflow that this release does not know', () => {
    const names = chartOf(storyAt(facts, []), null, 900).states.map(({ name }) => name);
    expect(names).toEqual(['accepted', 'route', 'retrieve', 'code', 'review', 'completed']);
  });
});
