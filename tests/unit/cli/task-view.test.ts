import { describe, expect, it } from 'vitest';
import { emptyView, foldAll, foldTask, toReport } from '../../../schemas/events/task-view.ts';
import { accepted, fact, hop, result, routed, startMs, taskId, trail } from './facts.ts';

const started = (index: number, role: string) => ['hop.started', { index, role, step: role, attempt: 1 }] as const;
const message = { messageId: 'e1/coder', role: 'ROLE_AGENT', parts: [{ text: 'Fix line 3' }] };
const question = { question: 'Did it happen?', reason: 'outcome_unknown', choices: ['done', 'retry'] };

describe('the view of a task', () => {
  it('given decisions on the way, then its route stays until it begins another workflow, and all are kept', () => {
    const [, { route, steps }] = routed;
    const on = {
      route: { ...route, reason: 'another round' },
      steps,
      phase: 'after_review',
      next: 'continue',
    } as const;
    const other = { ...route, decision: 'answer', reason: 'coder is gone' };
    const away = { route: other, steps: [], phase: 'health_changed', next: 'begin' } as const;
    const staying = foldAll(taskId, trail(accepted, routed, ['task.routed', on]));
    expect(staying.route?.reason).toBe(route.reason);
    const leaving = foldAll(taskId, trail(accepted, routed, ['task.routed', on], ['task.routed', away]));
    expect(leaving.route).toEqual(other);
    expect(toReport(leaving)).toMatchObject({
      route: { decision: 'answer', probabilities: route.probabilities },
      decisions: [{ phase: 'start', next: 'begin' }, { phase: 'after_review' }, { phase: 'health_changed' }],
    });
  });

  it('given acceptance and route, then it runs with its prompt and way', () => {
    const view = foldAll(taskId, trail(accepted, routed));
    expect(view).toMatchObject({
      status: 'running',
      prompt: 'Write a debounce function',
      route: { decision: 'build' },
    });
    expect(view.steps.map((step) => step.role)).toEqual(['retriever', 'coder', 'reviewer']);
    expect([view.startedAtMs, view.updatedAtMs]).toEqual([startMs + 10, startMs + 20]);
  });

  it('given a fact that comes twice, then the second changes nothing (S5)', () => {
    const facts = trail(accepted, routed, started(1, 'retriever'), ['agent.message', message]);
    const once = foldAll(taskId, facts);
    const last = facts.at(-1);
    if (last === undefined) throw new Error('no fact');
    expect(foldTask(once, { ...last, seq: 99, atMs: startMs + 5000 })).toBe(once);
    expect(foldAll(taskId, [...facts, ...facts]).messages).toHaveLength(1);
  });

  it('given a fact of another task, then it is passed over', () => {
    const other = fact(1, 'task.accepted', { prompt: 'x' }, { task: '6f1c2d3e-0000-4000-8000-000000000002' });
    const view = emptyView(taskId);
    expect(foldTask(view, other)).toBe(view);
  });

  it('given hops that start and finish, then each is one line with its time', () => {
    const view = foldAll(
      taskId,
      trail(
        accepted,
        routed,
        started(1, 'retriever'),
        ['hop.finished', { hop: hop(1, 'retriever') }],
        started(2, 'coder'),
      ),
    );
    expect(view.hops.map(({ index, status, ms }) => [index, status, ms])).toEqual([
      [1, 'completed', 12],
      [2, 'running', null],
    ]);
  });

  it('given a sign of life, then the running hop carries it', () => {
    const progress = ['hop.progress', { role: 'coder', effect: 'generate', note: '120 tokens' }] as const;
    expect(foldAll(taskId, trail(accepted, started(1, 'coder'), progress)).hops[0]?.note).toBe('120 tokens');
  });

  it('given a failed hop, then its error stays after the end', () => {
    const failed = hop(1, 'tools', { status: 'failed' });
    const error = { code: 'tool_unknown', message: 'There is no tool x.', retryable: false };
    const facts = trail(
      accepted,
      started(1, 'tools'),
      ['hop.finished', { hop: failed, error }],
      ['task.failed', { result: result({ outcome: 'failed', hops: [failed], error }) }],
    );
    expect(foldAll(taskId, facts).hops[0]?.error).toEqual(error);
  });

  it('given a message, then its envelope says who speaks to whom', () => {
    const spoken = trail(accepted, ['agent.message', message, { sender: 'reviewer', recipient: 'coder' }]);
    expect(foldAll(taskId, spoken).messages[0]).toMatchObject({ from: 'reviewer', to: 'coder', text: 'Fix line 3' });
  });

  it('given a question and its answer, then the task waits and goes on', () => {
    const asked = trail(accepted, routed, ['task.input.required', question]);
    expect(foldAll(taskId, asked)).toMatchObject({
      status: 'input_required',
      question: { choices: ['done', 'retry'] },
    });
    const answered = trail(
      accepted,
      routed,
      ['task.input.required', question],
      ['task.input.accepted', { text: 'done' }],
    );
    expect(foldAll(taskId, answered)).toMatchObject({ status: 'running', question: null });
  });

  it('given an end, then nothing after it changes status or result', () => {
    const facts = trail(
      accepted,
      routed,
      ['task.cancelled', { result: result({ outcome: 'cancelled' }) }],
      started(1, 'coder'),
      ['task.completed', { result: result() }],
    );
    expect(foldAll(taskId, facts)).toMatchObject({ status: 'cancelled', result: { outcome: 'cancelled' }, hops: [] });
  });

  it('given a log whose beginning is gone, then there is still a view', () => {
    const view = foldAll(
      taskId,
      trail(['hop.finished', { hop: hop(4, 'coder') }], ['task.completed', { result: result() }]),
    );
    expect(view).toMatchObject({ prompt: '', status: 'completed', hops: [{ index: 4 }] });
  });
});

describe('the report of a task', () => {
  it('has the promised fields when it completed', () => {
    const hops = [hop(1, 'retriever'), hop(2, 'responder')];
    const facts = trail(accepted, routed, ['task.completed', { result: result({ hops }) }]);
    expect(toReport(foldAll(taskId, facts))).toMatchObject({
      taskId,
      correlationId: taskId,
      status: 'completed',
      route: { decision: 'build', confidence: 0.82, fallback: false, reason: 'it asks for code' },
      outcome: 'answered',
      answer: 'Because of the ledger [1].',
      citations: [{ path: 'README.md' }],
      hops: [
        { index: 1, role: 'retriever', status: 'completed', ms: 12 },
        { index: 2, role: 'responder', status: 'completed', ms: 12 },
      ],
      messages: [],
      loops: { used: 0, max: 2 },
      ms: 20,
    });
  });

  it('has the same fields when nothing is known yet', () => {
    expect(toReport(emptyView(taskId))).toMatchObject({
      status: 'accepted',
      route: null,
      outcome: null,
      answer: null,
      citations: [],
      hops: [],
      messages: [],
      loops: { used: 0, max: 0 },
    });
  });
});
