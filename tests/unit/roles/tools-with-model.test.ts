/** The tools role where a model may choose: what it proposes is checked by the tool, and anything else is a failed hop. */
import { describe, expect, test } from 'vitest';
import { role } from '../../../actors/roles/tools/machine.ts';
import type { HopOutput, LlmRepliedData } from '../../../schemas/events/generated.ts';
import { begun, done, elapsed, failed, given, received, type Story, unknown } from './support/given.ts';
import { request } from './support/samples.ts';

const prompt = 'how much is six times seven, please';
const asked = (attempt = 1, hop = 1) =>
  received('hop.requested', request('tools', { prompt, note: 'in words' }, attempt), { hop });
const offers = [{ name: 'calculator', description: 'Computes.', inputSchema: { type: 'object' } }];
const unfit = 'no tool fits this request; name one, as in tool:calculator {"expression": "6 * 7"}.';
const unchosen = done('choose', { unfit, offers });
const proposal = { name: 'calculator', arguments: { expression: '6*7' } };
const choice = { ...proposal, fence: 'pure' };
const output: HopOutput = {
  ...{ engine: 'openai:m1', summary: 'Chose calculator.' },
  tool: { ...proposal, result: '' },
};
const replied = (data: Partial<LlmRepliedData>, hop = 1) =>
  received('llm.replied', { requestId: '1.tools.1', status: 'completed', ...data }, { from: 'llm', hop });
const cancelled = received('hop.cancelled', { step: 'tools', attempt: 1, reason: 'enough' }, { hop: 1 });
const REPLY = ['hop.replied > orchestrator'];
describe.each([1, 3])('tools of release %i', (release) => {
  const asking = (): Story => given(role, release).when(asked()).when(unchosen);
  const checking = (): Story => asking().when(replied({ output }));

  /** A failure without a run: nothing was begun, and the task is told how to name a tool. */
  function expectNoRun(story: Story, why: string): void {
    const { status, error } = story.sent('hop.replied');
    expect({ status, code: error?.code, retryable: error?.retryable }).toEqual({
      ...{ status: 'failed', code: 'no_tool', retryable: false },
    });
    expect(error?.message).toContain('name one, as in tool:calculator');
    expect(error?.message).toContain(why);
    story.thenExpect({ state: 'idle', effects: [] });
  }

  describe('asking', () => {
    test('a model chooses among the offers when the words choose nothing', () => {
      const story = asking().thenExpect({
        ...{ state: 'asking', sent: ['llm.requested > llm'], effects: [], timers: ['chooseWithin'] },
      });
      expect(story.sent('llm.requested')).toEqual({
        ...{
          requestId: '1.tools.1',
          purpose: 'tool',
          timeoutMs: 90_000,
          input: { prompt, note: 'in words' },
          tools: offers,
        },
      });
    });

    test('S6: its choice is checked before it runs, and the reply says who chose', () => {
      const story = checking().thenExpect({ state: 'checking', sent: [], effects: ['check'], timers: [] });
      expect(story.effect('check').input).toEqual(proposal);
      story.when(done('check', choice)).thenExpect({ state: 'running', sent: [], effects: ['run'] });
      expect(story.effect('run').input).toEqual({ ...choice, deed: expect.stringMatching(/^tools\/\d+$/) });
      story.when(done('run', { result: '42' })).thenExpect({ state: 'idle', sent: REPLY });
      expect(story.sent('hop.replied')).toEqual({
        ...{ step: 'tools', attempt: 1, status: 'completed' },
        output: {
          ...{ engine: 'tool:calculator', summary: 'calculator ran, chosen by openai:m1' },
          tool: { ...proposal, result: '42' },
        },
      });
    });

    test('the reply says what the choice took, and that of the next hop, which no model chose, does not', () => {
      const usage = { input: 210, output: 14 };
      const story = asking().when(replied({ output: { ...output, usage } }));
      story.when(done('check', choice)).when(done('run', { result: '42' }));
      expect(story.sent('hop.replied').output?.usage).toEqual(usage);
      story
        .when(asked(2, 2))
        .when(done('choose', choice))
        .when(done('run', { result: '42' }));
      expect(story.sent('hop.replied').output).not.toHaveProperty('usage');
    });

    test('arguments that the tool does not take are a failure, not a run', () => {
      const story = checking().when(
        failed('check', { code: 'tool_bad_arguments', message: 'expression must be string' }),
      );
      story.thenExpect({ sent: REPLY });
      expectNoRun(story, 'its choice (openai:m1) cannot be run. expression must be string');
    });

    test.each<[string, Partial<LlmRepliedData>, string]>([
      ['fails', { status: 'failed', error: { code: 'x', message: 'no memory', retryable: true } }, 'no memory'],
      ['finds none that fits', { output: { engine: 'openai:m1', summary: 'No tool fits.' } }, 'No tool fits.'],
      ['says nothing', {}, 'it said nothing'],
      ['fails with a choice', { status: 'failed', output }, 'Chose calculator.'],
    ])('a model that %s is a failure, not a run', (_what, data, why) => {
      const story = asking().when(replied(data));
      story.thenExpect({ sent: REPLY });
      expectNoRun(story, why);
    });

    test('S8: a model that does not answer in time is stopped, and the hop fails', () => {
      const story = asking().when(elapsed('chooseWithin'));
      story.thenExpect({ sent: ['hop.cancelled > llm', ...REPLY] });
      expect(story.envelope('hop.cancelled').hopindex).toBe(1);
      expectNoRun(story, 'it did not answer within 90 s');
      // What it says after all changes nothing.
      story.when(replied({ output })).thenExpect({ state: 'idle', sent: [], effects: [] });
    });

    test('S5: the reply to an earlier hop is not taken for this one’s', () => {
      const story = given(role, release).when(asked(2, 3)).when(unchosen);
      story.when(replied({ output }, 3)).thenExpect({ state: 'asking', sent: [], effects: [] });
      story.when(replied({ requestId: '3.tools.2', output }, 3)).thenExpect({ state: 'checking', effects: ['check'] });
    });
  });

  describe('a cancel', () => {
    test('goes on to the model, with the place it was asked at', () => {
      const story = asking().when(cancelled);
      story.thenExpect({ state: 'idle', sent: ['hop.cancelled > llm'], timers: [] });
      expect(story.envelope('hop.cancelled').hopindex).toBe(1);
    });

    test('stops the check', () => {
      checking().when(cancelled).thenExpect({ state: 'idle', sent: [], effects: [] });
    });

    test('of another attempt stops neither', () => {
      const other = received('hop.cancelled', { step: 'tools', attempt: 2, reason: 'late' }, { hop: 1 });
      asking().when(other).thenExpect({ state: 'asking', sent: [] });
      checking().when(other).thenExpect({ state: 'checking', sent: [] });
    });
  });

  test('a new request is chosen for anew, by words first', () => {
    const story = checking()
      .when(asked(2, 2))
      .thenExpect({ state: 'choosing', effects: ['choose'] });
    story.when(done('choose', choice), done('run', { result: '42' }));
    expect(story.sent('hop.replied').output?.summary).toBe('calculator ran');
  });

  describe('an unrepeatable tool that a model chose', () => {
    const atWork = (): Story => checking().when(done('check', { ...choice, fence: 'once' }), begun('run'));

    test('S6: cut off, its outcome is unknown', () => {
      const story = atWork().when(unknown('run'));
      expect(story.sent('hop.replied')).toMatchObject({ status: 'unknown', error: { code: 'outcome_unknown' } });
    });

    test('S6: is not run by the next attempt, whatever a model would choose then', () => {
      const story = atWork().when(cancelled, asked(2, 2)).thenExpect({ state: 'idle', effects: [] });
      expect(story.sent('hop.replied')).toMatchObject({ attempt: 2, status: 'unknown' });
    });
  });

  test('S11: a task from before a model could be asked goes on from its snapshot', () => {
    const fromThen = (story: Story): Story => {
      const { snapshot } = story.living;
      const { request: atWork, loops, choice: made, deed } = snapshot.context as Record<string, unknown>;
      story.actor = {
        ...story.living,
        snapshot: { ...snapshot, context: { request: atWork, loops, choice: made, deed } },
      };
      return story;
    };
    const running = fromThen(given(role, release).when(asked(), done('choose', choice)));
    running.when(done('run', { result: '42' })).thenExpect({ state: 'idle', sent: REPLY });
    expect(running.sent('hop.replied').output?.summary).toBe('calculator ran');

    const choosing = fromThen(given(role, release).when(asked())).when(unchosen);
    choosing.thenExpect({ state: 'asking', sent: ['llm.requested > llm'] });
    const { requestId } = choosing.sent('llm.requested');
    choosing.when(replied({ requestId, output })).when(done('check', choice)).thenExpect({ state: 'running' });
  });
});
