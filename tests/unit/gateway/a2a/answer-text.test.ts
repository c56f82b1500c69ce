/** The answer as it is written: whatever is lost, late or written again, a client that follows the rules has the answer. */
import type { Artifact, StreamResponse } from '@a2a-js/sdk';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerText } from '../../../../gateway/a2a/answer-text.ts';
import { artifactsOf } from '../../../../gateway/a2a/convert.ts';
import type { Result } from '../../../../schemas/events/generated.ts';
import { collectArtifacts } from '../../../support/a2a.ts';

const place = { taskId: 'task', contextId: 'context' };
const citation = { marker: 1, path: 'a.md', heading: 'A', startLine: 1, endLine: 2 };

function finalEvents(answer: string, citations: Result['citations'] = []): StreamResponse[] {
  const result: Result = {
    ...{ outcome: 'answered', answer, engine: 'test', citations, hops: [], messages: [] },
    loops: { used: 0, max: 0 },
  };
  return artifactsOf(result).map((artifact) => ({
    payload: {
      $case: 'artifactUpdate',
      value: { ...place, artifact, append: false, lastChunk: true, metadata: undefined },
    },
  }));
}

const token = (number: number, text: string, attempt = 1, purpose = 'answer') => ({
  ...{ number, text, attempt, purpose },
  requestId: '2.respond.1',
});

function told(pieces: readonly ReturnType<typeof token>[], final: readonly StreamResponse[]): StreamResponse[] {
  const answer = new AnswerText(place);
  return [...pieces.flatMap((piece) => answer.chunk(piece)), ...answer.after(final)];
}

const texts = (artifact: Artifact | undefined): string =>
  (artifact?.parts ?? []).map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('');

describe('the answer as it is written', () => {
  test('every chunk once, the rest and the sources at the end: concatenating all chunks gives the answer', () => {
    const events = told(
      [token(1, ' The'), token(2, ' mesh '), token(3, 'works.\n')],
      finalEvents('The mesh works.', [citation]),
    );
    const chunks = events.map(({ payload }) => {
      if (payload?.$case !== 'artifactUpdate') throw new Error('no artifact');
      const { append, lastChunk, artifact } = payload.value;
      return [texts(artifact), append, lastChunk];
    });
    expect(chunks).toEqual([
      ['The', false, false],
      [' mesh', true, false],
      [' works.', true, false],
      ['', true, true],
    ]);
    const data = collectArtifacts(events).get('answer')?.parts.at(-1)?.content;
    expect(data).toEqual({ $case: 'data', value: { citations: [citation] } });
  });

  test('code and reviews are not the answer', () => {
    expect(told([token(1, 'const', 1, 'code')], [])).toEqual([]);
  });

  test('a second attempt replaces what the first one wrote', () => {
    const pieces = [token(1, 'One thing'), token(1, 'Another', 2), token(2, ' thing', 2)];
    const artifacts = collectArtifacts(told(pieces, finalEvents('Another thing')));
    expect(texts(artifacts.get('answer'))).toBe('Another thing');
  });

  test('whatever pieces are lost, and whatever the answer is in the end, the artifact is the stored one', () => {
    const written = fc.array(fc.tuple(fc.string({ maxLength: 6 }), fc.boolean()), { maxLength: 20 });
    const cut = fc.tuple(written, fc.boolean(), fc.string({ maxLength: 10 }));
    fc.assert(
      fc.property(cut, written, ([first, isFinal, tail], second) => {
        const pieces = [first, second].flatMap((attempt, at) =>
          attempt
            .map(([text, lost], index) => ({ ...token(index + 1, text, at + 1), lost }))
            .filter(({ lost }) => !lost),
        );
        const last = (isFinal ? first : second).map(([text]) => text).join('') + tail;
        const answer = last.trim() === '' ? 'x' : last.trim();
        const artifacts = collectArtifacts(told(pieces, finalEvents(answer, [citation])));
        expect(texts(artifacts.get('answer'))).toBe(answer);
        expect(artifacts.get('answer')?.parts.at(-1)?.content?.$case).toBe('data');
      }),
    );
  });
});
