/** Workflows of one's own, found by their descriptions: clear ones alone; else the model's own weights stand. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { backgroundPath, backgroundText, readBackground } from '../../../router/engines/background.ts';
import { middleOf, residueOf, undescribedBy, withDescribed } from '../../../router/engines/described.ts';

/** The first direction is what all queries have; nothing else is taken out. */
const background = { mean: [0, 0, 0, 0], directions: [[1, 0, 0, 0]] };
const sure = { probabilities: { answer: 0.98, build: 0.02 }, reason: 'the router model says so' };
const unsure = { probabilities: { answer: 0.6, build: 0.4 }, reason: 'the router model says so' };
const described = [
  { name: 'translate', vector: [0, 1, 0, 0] },
  { name: 'invoice', vector: [0, 0, 1, 0] },
];
/** A query whose residue has this cosine with `translate`, and this one with `invoice`. */
const query = (translate: number, invoice = 0): number[] => [
  5,
  translate,
  invoice,
  Math.sqrt(1 - translate ** 2 - invoice ** 2),
];

test('what all queries have in common is taken out, and length 1 is left', () => {
  expect(residueOf([9, 3, 0, 4], background)).toEqual([0, expect.closeTo(0.6), 0, expect.closeTo(0.8)]);
});

test('a workflow is in the middle of its description and its examples; a text that says nothing has no part in it', () => {
  const none = residueOf([1, 0, 0, 0], background);
  expect(middleOf([[0, 1, 0, 0], none, [0, 0, 1, 0]])).toEqual([
    0,
    expect.closeTo(Math.SQRT1_2),
    expect.closeTo(Math.SQRT1_2),
    0,
  ]);
  expect(middleOf([[0, 0, 0, 1]])).toEqual([0, 0, 0, 1]);
});

describe('a description', () => {
  test.each([
    ['that is clear is taken', unsure, query(0.3), 'translate'],
    ['has to be clearer where the model is sure', sure, query(0.3), 'answer'],
    ['that is that clear is taken there too', sure, query(0.45), 'translate'],
    ['that is not clear leaves the model its word', unsure, query(0.2), 'answer'],
    ['that is as near as another one is nobody’s', unsure, query(0.5, 0.48), 'answer'],
    ['is not found in a text that says nothing beside', unsure, [1, 0, 0, 0], 'answer'],
  ])('%s', (_, own, vector, wanted) => {
    const { probabilities } = withDescribed(own, vector, described, background);
    const [likeliest] = Object.entries(probabilities).sort(([, one], [, other]) => other - one)[0] ?? [];
    expect(likeliest).toBe(wanted);
    expect(Object.values(probabilities).reduce((sum, one) => sum + one, 0)).toBeCloseTo(1);
  });

  test('that is not taken leaves the weights untouched', () => {
    expect(withDescribed(sure, query(0.3), described, background)).toBe(sure);
    expect(withDescribed(sure, query(0.9), [], background)).toBe(sure);
  });

  test('is of a workflow that the model was not trained on, and says something', () => {
    const option = (name: string, description: string) => ({ name, description, roles: [], hops: 1, loops: false });
    const options = [option('answer', 'a question'), option('translate', 'a text'), option('empty', ' ')];
    expect(undescribedBy(['answer'], options).map(({ name }) => name)).toEqual(['translate']);
  });
});

describe('the background of a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-background-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const model = join(folder, 'own.gguf');

  test('comes back as it was written; another width, or none, is none', () => {
    expect(readBackground(model, 4)).toBeNull();
    writeFileSync(backgroundPath(model), backgroundText('0'.repeat(64), background));
    expect(readBackground(model, 4)).toEqual(background);
    expect(readBackground(model, 8)).toBeNull();
  });

  test.each(['{', '{}', '{"model": "x", "width": 4, "rows": "AAAA"}'])('%s is refused with its path', (text) => {
    writeFileSync(backgroundPath(model), text);
    expect(() => readBackground(model, 4)).toThrow(backgroundPath(model));
  });

  test('that ships was made with the model that ships', () => {
    const shipped = join(projectRoot, 'router', 'models', 'router.gguf');
    const told = JSON.parse(readFileSync(backgroundPath(shipped), 'utf8')) as { model: string; width: number };
    expect(told.model).toBe(createHash('sha256').update(readFileSync(shipped)).digest('hex'));
    expect(readBackground(shipped, told.width)?.directions).toHaveLength(48);
  });
});
