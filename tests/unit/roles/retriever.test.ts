import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/retriever/machine.ts';
import { done, failed, given, received } from './support/given.ts';
import { passage, request } from './support/samples.ts';

const asked = received('hop.requested', request('retrieve'), { hop: 1, loops: 2 });
const cancelled = (attempt: number) => received('hop.cancelled', { step: 'retrieve', attempt, reason: 'enough' });
const REPLY = ['hop.replied > orchestrator'];

describe('retriever', () => {
  test('searches for the prompt', () => {
    const story = given(role)
      .when(asked)
      .thenExpect({ state: 'searching', sent: [], effects: ['search'] });
    expect(story.effect('search').input).toEqual({ query: 'Write a debounce function in TypeScript' });
  });

  test('replies with what it found, at the hop that it was asked in', () => {
    const found = { passages: [passage, { ...passage, id: 'docs/a.md#1', path: 'docs/a.md' }], engine: 'fts5' };
    const story = given(role).when(asked).when(done('search', found)).thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied')).toEqual({
      ...{ step: 'retrieve', attempt: 1, status: 'completed' },
      output: { engine: 'fts5', summary: expect.stringContaining('2 files'), passages: found.passages },
    });
    expect(story.envelope('hop.replied')).toMatchObject({ hopindex: 1, remainingloops: 2 });
  });

  test.each([
    [[], 'no passage found'],
    [[passage], 'docs/timing.md'],
  ])('%j is summed up as %j', (passages, summary) => {
    const story = given(role)
      .when(asked)
      .when(done('search', { passages, engine: 'fts5' }));
    expect(story.sent('hop.replied').output?.summary).toContain(summary);
  });

  test('what was missing in the search is said beside what it found', () => {
    const found = { passages: [passage], engine: 'fts5', problem: 'Chroma at http://127.0.0.1:9 cannot be reached' };
    const story = given(role).when(asked).when(done('search', found));
    expect(story.sent('hop.replied')).toMatchObject({
      status: 'completed',
      output: {
        engine: 'fts5',
        summary: expect.stringMatching(/docs\/timing\.md, by words alone: Chroma .* reached$/),
      },
    });
  });

  test('copies that were folded are counted beside what it found', () => {
    for (const [alike, said] of [
      [1, 'docs/timing.md (1 more says nearly the same)'],
      [7, 'docs/timing.md (7 more say nearly the same)'],
    ] as const) {
      const story = given(role)
        .when(asked)
        .when(done('search', { passages: [passage], engine: 'fts5', alike }));
      expect(story.sent('hop.replied').output?.summary).toBe(`1 passage from ${said}`);
    }
  });

  test('a failed search is a failed hop', () => {
    const story = given(role)
      .when(asked)
      .when(failed('search', { code: 'no_index', retryable: true }));
    story.thenExpect({ state: 'idle', sent: REPLY });
    expect(story.sent('hop.replied')).toMatchObject({ status: 'failed', error: { code: 'no_index', retryable: true } });
  });

  test('a cancel stops the search, and nothing is replied', () => {
    given(role).when(asked).when(cancelled(1)).thenExpect({ state: 'idle', sent: [], effects: [] });
  });

  test('S5: the cancel of another attempt does not', () => {
    given(role)
      .when(asked)
      .when(cancelled(2))
      .thenExpect({ state: 'searching', effects: ['search'] });
  });

  test('a new request replaces the one at work', () => {
    const story = given(role).when(asked, received('hop.requested', request('retrieve', {}, 2), { hop: 2 }));
    story.thenExpect({ state: 'searching', sent: [] });
    expect(story.effect('search').armedVersion).toBe(2);
    story.when(done('search', { passages: [], engine: 'fts5' }));
    expect(story.sent('hop.replied')).toMatchObject({ attempt: 2 });
    expect(story.envelope('hop.replied').hopindex).toBe(2);
  });
});
