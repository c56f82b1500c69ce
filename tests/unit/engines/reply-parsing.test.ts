/** Reading what models write, in the form asked for and in the forms they prefer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCode } from '../../../actors/roles/coder/code-reply.ts';
import { createThinkingFilter } from '../../../actors/roles/llm/engines/index.ts';
import { parseAnswer, withoutQuestion } from '../../../actors/roles/responder/skills.ts';
import { parseReview } from '../../../actors/roles/reviewer/verdict.ts';
import { replyIn, withoutThinking } from '../../../prompting/model-text.ts';
import { passage } from './fixtures.ts';

const passages = [passage({ text: 'a' }), passage({ text: 'b', path: 'b.md', startLine: 4 })];

test('an answer cites the passages its markers name, once each; invented markers are no citations', () => {
  const { citations } = parseAnswer('Yes [2]. And [1, 2], but [7].', { passages });
  expect(citations.map(({ marker, path }) => [marker, path])).toEqual([
    [1, 'docs/guide.md'],
    [2, 'b.md'],
  ]);
});

test.each([
  ['Yes.\n```\n\nQuestion:\nWhy?', 'Yes.'],
  ['Yes.\n\nQuestion:\nWhy? And then?', 'Yes.'],
  ['So:\n```sh\nls\n```\n\nQuestion:\nWhy?', 'So:\n```sh\nls\n```'],
  ['It asks:\nQuestion:\nWho?', 'It asks:\nQuestion:\nWho?'],
  ['Why?', 'Why?'],
])('an answer ends where the question comes again: %j', (text, answer) => {
  expect(withoutQuestion(text, 'Why?')).toBe(answer);
});

describe('code', () => {
  test('is the fenced block; the rest explains it', () => {
    const code = parseCode('Here:\n```ts\nconst a = 1;\n```\nIt follows [1].', { prompt: 'Write it' }, passages);
    expect(code).toMatchObject({ language: 'typescript', text: 'const a = 1;\n', attempt: 1 });
    expect(code.explanation).toMatch(/Here:[\s\S]*It follows \[1\]\./);
    expect(code.citations).toHaveLength(1);
  });

  test('markers inside code are no citations', () => {
    const code = parseCode('```ts\nconst b = a[1];\n```', { prompt: 'x' }, passages);
    expect(code.citations).toEqual([]);
  });

  test('without a fence is the whole reply; an open fence is said to be cut', () => {
    expect(parseCode('def f():\n    return 1', { prompt: 'x' }, [])).toMatchObject({ language: 'python' });
    expect(parseCode('```py\nx = 1', { prompt: 'x' }, []).explanation).toContain('ended inside the code');
  });

  test('a revision counts its attempt', () => {
    const previous = { language: 'python', text: 'x', attempt: 2, explanation: '', citations: [] };
    expect(parseCode('```\ny\n```', { prompt: 'x', code: previous }, [])).toMatchObject({
      attempt: 3,
      language: 'python',
    });
  });
});

describe('a review', () => {
  test('is read from JSON, fenced or with words around it', () => {
    const json =
      '{"verdict":"changes_requested","summary":"Off by one.","findings":[{"severity":"error","line":3,"message":"<= should be <"},{"message":""},7]}';
    for (const reply of [json, `Sure!\n\`\`\`json\n${json}\n\`\`\``, `My verdict: ${json} — done`]) {
      expect(parseReview(reply, 'openai:m')).toEqual({
        verdict: 'changes_requested',
        summary: 'Off by one.',
        findings: [{ severity: 'error', line: 3, rule: 'model-review', message: '<= should be <' }],
        checkedBy: ['openai:m'],
      });
    }
  });

  test('in prose that does not decide is kept as a remark, and is nobody’s verdict', () => {
    expect(parseReview('The code adds two numbers.', 'openai:m')).toMatchObject({
      ...{ verdict: 'approved', checkedBy: [] },
      findings: [{ severity: 'info', rule: 'model-remark', message: 'The code adds two numbers.' }],
    });
  });

  test('any reply can be read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (reply) => {
        const { verdict, checkedBy } = parseReview(reply, 'e');
        expect(['approved', 'changes_requested']).toContain(verdict);
        if (verdict === 'changes_requested') expect(checkedBy).toEqual(['e']);
      }),
    );
  });
});

describe('thinking', () => {
  test('is not part of the reply, however the pieces fall', () => {
    const reply = '<think>Let me see. a < b</think>\n\nThe answer.';
    expect(withoutThinking(reply)).toBe('The answer.');
    fc.assert(
      fc.property(fc.array(fc.nat(reply.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), reply.length];
        let shown = '';
        const filter = createThinkingFilter((piece) => {
          shown += piece;
        });
        for (let index = 1; index < places.length; index += 1)
          filter.push(reply.slice(places[index - 1], places[index]));
        filter.end();
        expect(shown).toBe('The answer.');
      }),
    );
  });

  test.each([
    ['before an end that nothing began', 'İstanbul İzmir</think>The answer.'],
    ['in a thought', '<think>İİİİ düşünüyorum</think>The answer.'],
    ['in many', `${'<think>İ</think>'.repeat(40)}The answer.`],
    ['behind the end', 'The answer.<|im_end|>İ<|im_start|>user'],
    ['in a fence that a thought leaves open', '<think>\n```\nİ</think>\nThe answer.'],
  ])('letters that are longer in lower case move nothing: %s', (_where, reply) => {
    expect(replyIn(reply)).toBe('The answer.');
  });

  test('letters that are longer in lower case move nothing while text arrives', () => {
    let shown = '';
    const filter = createThinkingFilter((piece) => {
      shown += piece;
    });
    filter.push('<think>İİİİ düşünüyorum</think>İyi: the answer.');
    filter.end();
    expect(shown).toBe('İyi: the answer.');
  });

  test('text that only begins like it is shown', () => {
    let shown = '';
    const filter = createThinkingFilter((piece) => {
      shown += piece;
    });
    for (const piece of ['<t', 'able>', ' x']) filter.push(piece);
    filter.end();
    expect(shown).toBe('<table> x');
  });
});
