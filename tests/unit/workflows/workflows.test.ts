/** Workflows are data: the project's are valid, and what is wrong with others is said in one line. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadRoleDefinitions } from '../../../actors/roles/index.ts';
import { HOPS_MAX } from '../../../actors/roles/orchestrator/context.ts';
import { checkWorkflow, loadWorkflows, WorkflowError } from '../../../actors/workflows/index.ts';

const roles = new Set((await loadRoleDefinitions()).map(({ name }) => name));

describe('the project’s own', () => {
  const workflows = loadWorkflows(roles);

  test('are the five routes', () => {
    expect([...workflows.keys()].sort()).toEqual(['answer', 'build', 'direct', 'review', 'tool']);
  });

  test.each([...workflows.values()])('$name says what it is for, in one sentence', ({ description }) => {
    expect(description).toMatch(/^[A-Z].*\.$/);
  });

  test('S8: with all rounds and no failure, none needs more hops than a task has', () => {
    for (const { steps, loop } of workflows.values()) {
      const names = steps.map(({ step }) => step);
      const round = loop ? names.indexOf(loop.review) - names.indexOf(loop.revise) + 1 : 0;
      expect(steps.length + round * (loop?.maxCycles ?? 0)).toBeLessThanOrEqual(HOPS_MAX);
    }
  });

  test('S8: the build goes round twice at most', () => {
    expect(workflows.get('build')?.loop).toEqual({ review: 'review', revise: 'code', maxCycles: 2 });
  });
});

describe('a bad one', () => {
  const step = (name: string, more: object = {}) => ({ step: name, role: 'coder', timeoutMs: 1000, ...more });
  const good = { name: 'mine', description: 'Mine.', steps: [step('one'), step('two')] };
  const looped = { ...good, loop: { review: 'two', revise: 'one', maxCycles: 2 } };

  test('the good one it is made from passes', () => {
    expect(checkWorkflow(good, 'mine.json', roles)).toMatchObject(good);
    expect(checkWorkflow(looped, 'mine.json', roles)).toMatchObject(looped);
    const withExamples = { ...good, examples: ['do mine', 'mine, please'] };
    expect(checkWorkflow(withExamples, 'mine.json', roles)).toMatchObject(withExamples);
  });

  test.each<[string, unknown, RegExp]>([
    ['not an object', 'mine', /^mine\.json must be object$/],
    ['no name', { ...good, name: undefined }, /must have required property 'name'/],
    ['a name in upper case', { ...good, name: 'Mine' }, /mine\.json\/name must match pattern/],
    ['a path as a name', { ...good, name: '../mine' }, /\/name must match pattern/],
    ['no steps', { ...good, steps: [] }, /\/steps must NOT have fewer than 1 items/],
    ['13 steps', { ...good, steps: Array.from({ length: 13 }, (_, n) => step(`s${n}`)) }, /must NOT have more than 12/],
    [
      '11 examples',
      { ...good, examples: Array.from({ length: 11 }, () => 'x') },
      /\/examples must NOT have more than 10/,
    ],
    ['an example that says nothing', { ...good, examples: [''] }, /\/examples\/0 must NOT have fewer than 1 char/],
    ['an unknown field', { ...good, parallel: true }, /^mine\.json must NOT have additional properties: parallel$/],
    [
      'an unknown field in a step',
      { ...good, steps: [step('one', { retries: 2 })] },
      /\/steps\/0 must NOT have additional/,
    ],
    [
      'a step without a role',
      { ...good, steps: [{ step: 'one', timeoutMs: 1000 }] },
      /\/steps\/0 must have required property 'role'/,
    ],
    ['no time', { ...good, steps: [step('one', { timeoutMs: 0 })] }, /\/steps\/0\/timeoutMs must be >= 100/],
    ['more than a day', { ...good, steps: [step('one', { timeoutMs: 86_400_001 })] }, /timeoutMs must be <= 86400000/],
    ['half a millisecond', { ...good, steps: [step('one', { timeoutMs: 100.5 })] }, /timeoutMs must be integer/],
    ['no attempt', { ...good, steps: [step('one', { attempts: 0 })] }, /attempts must be >= 1/],
    ['six attempts', { ...good, steps: [step('one', { attempts: 6 })] }, /attempts must be <= 5/],
    ['six rounds', { ...looped, loop: { ...looped.loop, maxCycles: 6 } }, /maxCycles must be <= 5/],
    ['a loop without its review', { ...good, loop: { revise: 'one', maxCycles: 1 } }, /required property 'review'/],
    [
      'two steps of one name',
      { ...good, steps: [step('one'), step('one')] },
      /^mine\.json\/steps\/1\/step: an earlier step is called one too$/,
    ],
    [
      'a role nobody has',
      { ...good, steps: [step('one', { role: 'poet' })] },
      /^mine\.json\/steps\/0\/role: no role poet; roles are .*coder/,
    ],
    [
      'a review that is no step',
      { ...looped, loop: { ...looped.loop, review: 'x' } },
      /^mine\.json\/loop\/review: no step x; steps are one, two$/,
    ],
    [
      'a revision that is no step',
      { ...looped, loop: { ...looped.loop, revise: 'x' } },
      /^mine\.json\/loop\/revise: no step x; steps are one, two$/,
    ],
    [
      'a review before the revision',
      { ...looped, loop: { review: 'one', revise: 'two', maxCycles: 1 } },
      /review: it must name a step after/,
    ],
    [
      'a step that reviews itself',
      { ...looped, loop: { review: 'one', revise: 'one', maxCycles: 1 } },
      /review: it must name a step after/,
    ],
  ])('%s', (_what, value, message) => {
    const plain = JSON.parse(JSON.stringify(value)) as unknown;
    expect(() => checkWorkflow(plain, 'mine.json', roles)).toThrow(WorkflowError);
    expect(() => checkWorkflow(plain, 'mine.json', roles)).toThrow(message);
  });

  test('is not repaired in silence', () => {
    const text = { ...good, steps: [step('one', { timeoutMs: '1000' })] };
    expect(() => checkWorkflow(text, 'mine.json', roles)).toThrow(/timeoutMs must be integer/);
  });
});

describe('a folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'workflows-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const put = (file: string, text: string) => writeFileSync(join(folder, file), text);
  const direct = readFileSync(join(import.meta.dirname, '../../../actors/workflows/direct.json'), 'utf8');

  test('is read whole, and nothing but its JSON', () => {
    put('direct.json', direct);
    put('README.md', '# not a workflow');
    put('workflow.schema.json', '{}');
    expect([...loadWorkflows(roles, folder).keys()]).toEqual(['direct']);
  });

  test('a file is named after its workflow', () => {
    put('other.json', direct);
    expect(() => loadWorkflows(roles, folder)).toThrow(/^other\.json\/name: direct would be in direct\.json/);
  });

  test('a file that is no JSON is named', () => {
    put('broken.json', '{"name": ');
    expect(() => loadWorkflows(roles, folder)).toThrow(WorkflowError);
    expect(() => loadWorkflows(roles, folder)).toThrow(
      /^broken\.json: is not JSON: value expected at line 1, column 10$/,
    );
  });

  test.each([
    ['{"name":"twice","name":"other","steps":[]}', 'name: it stands there twice (again in line 1)'],
    ['{"name":"twice","steps":[{"step":"a"},{"step":"b",\n"role":"coder","role":"tools"}]}', 'steps.1.role: it stands'],
    ['{"name":"twice","steps":[{"approve":{"default":"yes","\\u0064efault":"no"}}]}', 'steps.0.approve.default: it'],
  ])('of a name that stands twice its field is named: %s', (text, why) => {
    put('twice.json', text);
    expect(() => loadWorkflows(roles, folder)).toThrow(`twice.json: ${why}`);
  });
});

describe('what editors and people leave in a folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'workflows-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('a byte order mark is no mistake', () => {
    const direct = readFileSync(join(import.meta.dirname, '../../../actors/workflows/direct.json'), 'utf8');
    writeFileSync(join(folder, 'direct.json'), `\uFEFF${direct}`);
    expect([...loadWorkflows(roles, folder).keys()]).toEqual(['direct']);
  });

  test('a folder that is named like a file is named', () => {
    mkdirSync(join(folder, 'gate.json'));
    expect(() => loadWorkflows(roles, folder)).toThrow(/^gate\.json: is a folder/);
  });
});

describe('an approval in the words of its workflow', () => {
  const gate = (approve: object): unknown => ({
    ...{ name: 'gate', description: 'Asks.' },
    steps: [{ step: 'pay', role: 'tools', timeoutMs: 1000, approve }],
  });

  test.each([
    [{}],
    [
      {
        question: 'Pay?',
        choices: ['Да', 'Нет'],
        timeoutMs: 60_000,
        default: 'Нет',
        remindAfterMs: 1000,
        remindTo: 'x',
      },
    ],
    [{ choices: [], timeoutMs: 60_000, default: 'go on' }],
  ])('%j is taken', (approve) => {
    expect(checkWorkflow(gate(approve), 'gate.json', new Set(['tools'])).steps[0]?.approve).toEqual(approve);
  });

  test.each([
    [{ choices: ['yes'] }, 'choices: (it|they) are two'],
    [{ choices: ['yes', ' YES '] }, 'choices: (it|they) must differ'],
    [{ choices: ['leave it', 'leave  it'] }, 'choices: (it|they) must differ'],
    [{ choices: ['Straße', 'STRASSE'] }, 'choices: (it|they) must differ'],
    [{ choices: ['yes', 'ＹＥＳ'] }, 'choices: (it|they) must differ'],
    [{ timeoutMs: 60_000, default: 'maybe' }, 'default: (it|they) must be one of yes, no'],
    [{ default: 'no' }, 'default: (it|they) needs timeoutMs'],
    [{ remindTo: 'x' }, 'remindTo: (it|they) needs remindAfterMs'],
    [{ timeoutMs: 2000, remindAfterMs: 2000 }, 'must be less than timeoutMs'],
    [{ unknown: 1 }, 'additional properties'],
  ])('%j is refused', (approve, why) => {
    expect(() => checkWorkflow(gate(approve), 'gate.json', new Set(['tools']))).toThrow(
      new RegExp(`gate.json.*${why}`),
    );
  });
});
