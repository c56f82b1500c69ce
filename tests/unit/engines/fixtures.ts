/** Inputs that several tests of the engines share. */
import type { Passage } from '../../../schemas/events/generated.ts';

export function passage(fields: Partial<Passage> & { text: string }): Passage {
  const lines = fields.text.split('\n').length;
  const startLine = fields.startLine ?? 1;
  return {
    id: `${fields.path ?? 'docs/guide.md'}#${startLine}`,
    path: 'docs/guide.md',
    heading: '',
    startLine,
    endLine: startLine + lines - 1,
    kind: 'markdown',
    language: '',
    score: 1,
    ...fields,
  };
}
