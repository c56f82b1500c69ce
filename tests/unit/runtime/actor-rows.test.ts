/** The rows of effects and timers: what `invoke` and `after` become, and when they go (S3, S6). */
import { describe, expect, test } from 'vitest';
import { begun, done, elapsed, failed, given, received, type Story, unknown } from '../roles/support/given.ts';
import { CARRY_MS, courier, LATE_MS, NUDGE_MS, PARCELS_MAX } from './support/courier.ts';

const request = { step: 'carry', attempt: 1, timeoutMs: 1000, input: { prompt: 'Carry it' } };
const asked = received('hop.requested', request);
const cancelled = received('hop.cancelled', { step: 'carry', attempt: 1, reason: 'enough' });
const started = (story: Story) => story.results.flatMap((one) => (one.kind === 'applied' ? one.startedEffects : []));
const ended = (story: Story) => story.results.flatMap((one) => (one.kind === 'applied' ? one.endedEffects : []));

describe('effects', () => {
  test('S6: an invoke becomes a pending row with its input', () => {
    const story = given(courier)
      .when(asked)
      .thenExpect({ state: 'carrying.fetching', effects: ['fetch'] });
    const row = {
      ...{ effect: 'fetch', src: 'fetch', armedVersion: 1, input: { step: 'carry' } },
      ...{ failures: 0, started: false },
    };
    expect(story.effect('fetch')).toEqual(row);
    expect(started(story)).toEqual([row]);
  });

  test('S6: its end removes the row and starts the next', () => {
    const story = given(courier)
      .when(asked)
      .when(done('fetch', 'parcel'))
      .thenExpect({ effects: ['sign'] });
    expect(ended(story).map(({ effect }) => effect)).toEqual(['fetch']);
    expect(story.effect('sign')).toMatchObject({ armedVersion: 2, input: { parcels: 0 } });
  });

  test('S6: leaving the state ends the effect', () => {
    const story = given(courier).when(asked).when(cancelled).thenExpect({ state: 'idle', effects: [], timers: [] });
    expect(ended(story).map(({ effect }) => effect)).toEqual(['fetch']);
    expect(started(story)).toEqual([]);
  });

  test('S6: re-entering starts it anew under another version and another key', () => {
    const story = given(courier).when(asked);
    const first = story.effect('fetch');
    story.when(asked).thenExpect({ effects: ['fetch'] });
    expect(story.effect('fetch').armedVersion).toBe(2);
    expect(ended(story)).toEqual([first]);
    expect(started(story)).toEqual([story.effect('fetch')]);
  });

  test('S6: the result of the first start is late for the second', () => {
    const story = given(courier).when(asked);
    const { event } = done('fetch', 'old')(story);
    story.when(asked, () => ({ event }));
    expect(story.results.at(-1)).toEqual({ kind: 'ignored', reason: 'late' });
    story.thenExpect({ state: 'carrying.fetching', effects: ['fetch'] });
  });

  test('S6: of two results the first wins', () => {
    const story = given(courier).when(asked);
    const { event } = failed('fetch')(story);
    story.when(done('fetch', 'parcel'), () => ({ event }));
    expect(story.results.map(({ kind }) => kind)).toEqual(['applied', 'ignored']);
    story.thenExpect({ state: 'carrying.signing' });
  });

  test('S6: that it has begun is noted on the row, and nothing else happens', () => {
    const story = given(courier).when(asked).when(begun('fetch')).thenExpect({ state: 'carrying.fetching', sent: [] });
    expect(story.effect('fetch').started).toBe(true);
    expect(story.living.transitionIndex).toBe(1);
    expect(started(story)).toEqual([]);
  });

  test('S6: that an ended one has begun is late', () => {
    const story = given(courier).when(asked);
    const { event } = begun('fetch')(story);
    story.when(asked, () => ({ event }));
    expect(story.results.at(-1)).toEqual({ kind: 'ignored', reason: 'late' });
    expect(story.effect('fetch').started).toBe(false);
  });

  test('failed and unknown reach the machine as errors', () => {
    given(courier)
      .when(asked)
      .when(failed('fetch'))
      .thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });
    given(courier)
      .when(asked)
      .when(unknown('fetch'))
      .thenExpect({ state: 'idle', sent: ['hop.replied > orchestrator'] });
    given(courier).when(asked, done('fetch', 1)).when(failed('sign')).thenExpect({ state: 'idle' });
  });
});

describe('timers', () => {
  test('S1: an after becomes a row that is due at the log’s time plus its delay', () => {
    const story = given(courier)
      .when(asked)
      .thenExpect({ timers: ['carry', 'nudge'] });
    const upMs = 1000;
    expect(story.timer('carry')).toMatchObject({ armedVersion: 1, dueUpMs: upMs + CARRY_MS });
    expect(story.timer('nudge')).toMatchObject({ armedVersion: 1, dueUpMs: upMs + NUDGE_MS });
  });

  test('S1: firing removes the row and acts once', () => {
    const story = given(courier).when(asked);
    const { event, atMs } = elapsed('nudge')(story);
    story.when(() => ({ event, atMs: atMs ?? 0 })).thenExpect({ sent: ['hop.progress > watchers'], timers: ['carry'] });
    const twin = { ...event, remainingloops: 9 };
    story.when(() => ({ event: twin })).thenExpect({ sent: [] });
    expect(story.results).toEqual([{ kind: 'ignored', reason: 'late' }]);
  });

  test('S1: the inner timer goes with its state, the outer one keeps its deadline', () => {
    const story = given(courier).when(asked);
    const { dueUpMs } = story.timer('carry');
    story.when(done('fetch', 'parcel')).thenExpect({ timers: ['carry'] });
    expect(story.timer('carry').dueUpMs).toBe(dueUpMs);
    expect(story.timer('carry').armedVersion).toBe(1);
  });

  test('S1: re-entering arms it anew: a new version, a new deadline, the old firing is late', () => {
    const story = given(courier).when(asked);
    const old = elapsed('carry')(story);
    story.when(asked);
    expect(story.timer('carry')).toMatchObject({ armedVersion: 2, dueUpMs: 2000 + CARRY_MS });
    story.when(() => ({ event: old.event }));
    expect(story.results).toEqual([{ kind: 'ignored', reason: 'late' }]);
  });

  test('S1: the outer timer ends all that is inside', () => {
    const story = given(courier).when(asked, done('fetch', 'parcel')).when(elapsed('carry'));
    story.thenExpect({ state: 'late', sent: ['hop.replied > orchestrator'], effects: [], timers: ['late'] });
    expect(ended(story).map(({ effect }) => effect)).toContain('sign');
    expect(story.timer('late').dueUpMs).toBe(story.upMs + LATE_MS);
    story.when(elapsed('late')).thenExpect({ state: 'idle', timers: [] });
  });
});

describe('the end', () => {
  const finish = (): Story => {
    const story = given(courier);
    for (let parcel = 0; parcel < PARCELS_MAX; parcel += 1)
      story.when(asked, done('fetch', parcel), done('sign', parcel));
    return story;
  };

  test('S3: a final state ends the actor and its rows', () => {
    const story = finish().thenExpect({ state: 'delivered', effects: [], timers: [] });
    expect(story.living.done).toBe(true);
    expect(story.outputs.at(-1)?.event.recipientrole).toBe('watchers');
  });

  test('S5: what comes after it is noted as seen and moves nothing', () => {
    const story = finish();
    const { transitionIndex, snapshot } = story.living;
    story.when(asked, cancelled).thenExpect({ sent: [], effects: [], timers: [] });
    expect(story.results.map(({ kind }) => kind)).toEqual(['applied', 'applied']);
    expect(story.living.transitionIndex).toBe(transitionIndex + 2);
    expect(story.living.snapshot).toBe(snapshot);
  });
});
