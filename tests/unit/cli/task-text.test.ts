import { describe, expect, it } from 'vitest';
import { answerLines, citationText, factLine, questionLines, workingLine } from '../../../cli/task-text.ts';
import { plain } from '../../../cli/terminal.ts';
import { foldAll } from '../../../schemas/events/task-view.ts';
import { accepted, hop, result, routed, taskId, trail } from './facts.ts';

/** The line of the last fact, with the view after all of them. */
function lastLine(...parts: Parameters<typeof trail>): string {
  const facts = trail(...parts);
  const last = facts.at(-1);
  if (last === undefined) throw new Error('no fact');
  return factLine(last.event, foldAll(taskId, facts), plain);
}

const started = ['hop.started', { index: 2, role: 'coder', step: 'code', attempt: 1 }] as const;

describe('a line for a fact', () => {
  it('names the task by the beginning of its id', () => {
    expect(lastLine(accepted)).toBe('● 6f1c2d3e Write a debounce function');
  });

  it('shows the route with its way and reason', () => {
    expect(lastLine(accepted, routed)).toBe(
      '→ build 82 %: retriever → coder → reviewer  it asks for code; else answer 18 %',
    );
  });

  it('shows what was decided on the way: on, out, or to another workflow', () => {
    const [, { route, steps }] = routed;
    const after = { ...route, engine: 'policy', confidence: 0.88, probabilities: { continue: 0.88, finish: 0.12 } };
    const on = {
      route: { ...after, reason: 'another round: 2 errors' },
      steps,
      phase: 'after_review',
      next: 'continue',
    };
    expect(lastLine(accepted, routed, ['task.routed', on])).toBe('→ build goes on 88 %  another round: 2 errors');
    const out = { ...on, route: { ...after, reason: 'ends with the best attempt' }, next: 'finish' };
    expect(lastLine(accepted, routed, ['task.routed', out])).toBe(
      '→ build ends its loop 88 %  ends with the best attempt',
    );
    const away = {
      ...{ route: { ...route, decision: 'answer', fallback: true, reason: 'coder is gone' }, phase: 'health_changed' },
      ...{ steps: [{ step: 'respond', role: 'responder' }], next: 'begin' },
    };
    expect(lastLine(accepted, routed, ['task.routed', away])).toBe(
      '→ answer 82 %: responder  fallback: coder is gone; else build 82 %',
    );
  });

  it('shows a hop with its engine in words and its time', () => {
    const done = hop(2, 'coder', { engine: 'extractive', summary: 'offers debounce.ts', ms: 140 });
    expect(lastLine(accepted, ['hop.finished', { hop: done }])).toBe(
      '✓ 2 coder     offers debounce.ts  extractive, no language model  140 ms',
    );
  });

  it('shows why a hop failed, and its attempt', () => {
    const failed = hop(1, 'tools', { status: 'failed', attempt: 2, ms: 3000 });
    const error = { code: 'x', message: 'the host is not allowed', retryable: false };
    expect(lastLine(accepted, ['hop.finished', { hop: failed, error }])).toBe(
      '✗ 1 tools     the host is not allowed (attempt 2)  3.0 s',
    );
  });

  it.each([
    [{ used: 1, max: 2 }, 'revise', 2, '↻ review loop 1/2: changes requested (2 errors), the coder revises'],
    [{ used: 1, max: 2 }, 'accepted', 0, '✓ review loop 1/2: approved'],
    [{ used: 0, max: 2 }, 'accepted', 0, '✓ approved at the first review'],
    [{ used: 2, max: 2 }, 'exhausted', 1, '! review loop 2/2: still 1 error, the best attempt so far is the result'],
  ])('shows the review loop %j %s', (loops, next, findings, line) => {
    const verdict = next === 'accepted' ? 'approved' : 'changes_requested';
    expect(lastLine(accepted, ['loop.advanced', { loops, verdict, next, findings }])).toBe(line);
  });

  it('shows what agents say to each other', () => {
    const data = { messageId: 'e/coder', role: 'ROLE_AGENT', parts: [{ text: 'Fix\nline 3' }] };
    expect(lastLine(accepted, ['agent.message', data, { sender: 'reviewer', recipient: 'coder' }])).toBe(
      '✉ reviewer → coder: Fix line 3',
    );
  });

  it('shows the end with outcome, hops and the engine that answered', () => {
    const hops = [hop(1, 'coder', { engine: 'openai:qwen' }), hop(2, 'reviewer', { engine: 'typescript@6' })];
    const code = { language: 'typescript', text: 'x', attempt: 1, explanation: '', citations: [] };
    const end = result({ outcome: 'accepted', hops, code, engine: 'typescript@6' });
    expect(lastLine(accepted, ['task.completed', { result: end }])).toBe(
      '● completed (accepted, 2 hops, answered by openai:qwen)',
    );
  });

  it('lets no escape sequence of a prompt reach the terminal', () => {
    const evil = ['task.accepted', { prompt: 'a\u001b[31mred\u001b]0;title\u0007 \rover' }] as const;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
    expect(lastLine(evil)).not.toMatch(/[\u0000-\u001f]/);
  });
});

describe('what surrounds the facts', () => {
  it('names the role at work, cut to the window', () => {
    const progress = ['hop.progress', { role: 'coder', effect: 'e', note: 'x'.repeat(300) }] as const;
    const view = foldAll(taskId, trail(accepted, started, progress));
    expect(workingLine(view, plain, 60).length).toBeLessThan(60);
    expect(workingLine(foldAll(taskId, trail(accepted)), plain, 60)).toBe('');
  });

  it('prints the answer with its sources as path:lines', () => {
    const view = foldAll(taskId, trail(accepted, ['task.completed', { result: result() }]));
    expect(answerLines(view, plain)).toEqual(['Because of the ledger [1].', '', 'Sources', '  [1] README.md:3-9  Why']);
  });

  it('prints code that the answer does not hold, and findings it does not tell', () => {
    const code = { language: 'python', text: 'print(1)\n', attempt: 1, explanation: '', citations: [] };
    const findings = [{ severity: 'error' as const, line: 1, rule: 'x1', message: 'wrong' }];
    const review = { verdict: 'changes_requested' as const, findings, summary: '', checkedBy: [] };
    const end = result({ outcome: 'exhausted', answer: 'Best attempt.', citations: [], code, review });
    const lines = answerLines(foldAll(taskId, trail(accepted, ['task.completed', { result: end }])), plain);
    expect(lines).toEqual([
      'Best attempt.',
      '',
      '```python',
      'print(1)',
      '```',
      '',
      'Findings that remain',
      '  1: error x1 wrong',
    ]);
  });

  it('says how to answer a question', () => {
    const asked = {
      questionId: 'q1',
      question: 'Did it happen?',
      reason: 'outcome_unknown',
      choices: ['done', 'retry'],
    };
    const lines = questionLines(foldAll(taskId, trail(accepted, ['task.input.required', asked])), plain);
    expect(lines.at(-1)).toBe('  Answer with:  mesh respond 6f1c2d3e --question q1 "done"');
  });

  it('shows of a question all that is answered for, whatever hides in it', () => {
    const hidden = { url: 'https://ok\u009d/../evil\u009c', to: '\u202emoc' };
    const question = `May it act with ${JSON.stringify(hidden)}\u001b]0;and delete all\u0007?`;
    const asked = { questionId: 'q1', question, reason: 'consent', choices: ['yes', 'no'] };
    const view = foldAll(taskId, trail(accepted, ['task.input.required', asked]));
    expect(questionLines(view, plain)[1]).toBe(
      '  May it act with {"url":"https://ok<U+009D>/../evil<U+009C>","to":"<U+202E>moc"}<U+001B>]0;and delete all<U+0007>?',
    );
  });

  it('writes one line or several', () => {
    const citation = { marker: 1, path: 'a.md', heading: '', startLine: 4, endLine: 4 };
    expect([citationText(citation), citationText({ ...citation, endLine: 6 })]).toEqual(['a.md:4', 'a.md:4-6']);
    expect(citationText({ ...citation, path: 'zoo.xlsx' })).toBe('zoo.xlsx');
    expect(citationText({ ...citation, path: 'study.ipynb' })).toBe('study.ipynb');
  });
});
