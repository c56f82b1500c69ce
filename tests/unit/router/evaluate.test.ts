/** Files of labelled queries, and the figures made of decisions on them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { figures, type Judged } from '../../../router/evaluate.ts';
import { parseSamples, SamplesError } from '../../../router/samples.ts';
import { WORKFLOWS } from './support/deciding.ts';

describe('a file', () => {
  test('is route and query; comments, empty lines and escapes are understood', () => {
    const text = '\uFEFF# about\r\n\nbuild\tWrite it\r\nreview\tx\\n\\ty \\\\d \\q\tz\n';
    expect(parseSamples(text, WORKFLOWS)).toEqual([
      { line: 3, route: 'build', query: 'Write it' },
      { line: 4, route: 'review', query: 'x\n\ty \\d \\q\tz' },
    ]);
  });

  test('with bad lines is refused, each line by its number', () => {
    const text = 'build\tfine\nno tab here\npoetry\tsing\nbuild\t  \n\ttool';
    const asked = (): unknown => parseSamples(text, WORKFLOWS);
    expect(asked).toThrow(SamplesError);
    try {
      asked();
    } catch (error) {
      expect(error instanceof SamplesError ? error.lines : []).toEqual([
        'line 2: there is no tab between route and query',
        'line 3: "poetry" is no route; routes are answer, build, direct, review, tool',
        'line 4: the query is empty',
        'line 5: "" is no route; routes are answer, build, direct, review, tool',
      ]);
    }
  });

  test('with nothing in it is refused', () => {
    expect(() => parseSamples('# nothing\n\n', WORKFLOWS)).toThrow('there is no labelled query in it');
  });
});

describe('the labelled files of the project', () => {
  const load = (name: string) =>
    parseSamples(readFileSync(join(projectRoot, 'router', 'samples', name), 'utf8'), WORKFLOWS);

  test.each([
    ['test.tsv', 120],
    ['calibration.tsv', 60],
  ])('%s has enough, as many of each route, none twice', (name, least) => {
    const samples = load(name);
    expect(samples.length).toBeGreaterThanOrEqual(least);
    const counts = WORKFLOWS.map((route) => samples.filter((one) => one.route === route).length);
    expect(new Set(counts).size).toBe(1);
    expect(new Set(samples.map(({ query }) => query)).size).toBe(samples.length);
  });

  test('have no query in common', () => {
    const known = new Set(load('test.tsv').map(({ query }) => query.toLowerCase()));
    expect(load('calibration.tsv').filter(({ query }) => known.has(query.toLowerCase()))).toEqual([]);
  });
});

test.each(['test.tsv', 'unseen.tsv'])('no query of %s stands in the data of the training', (name) => {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/\W+/g, ' ').trim();
  const text = readFileSync(join(projectRoot, 'router', 'samples', name), 'utf8');
  const held = new Set(parseSamples(text, WORKFLOWS).map(({ query }) => plain(query)));
  const folder = join(projectRoot, 'router', 'training', 'data');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(0);
  const trained = files.flatMap((file) => readFileSync(join(file.parentPath, file.name), 'utf8').split('\n'));
  expect(trained.map((line) => plain(line.slice(line.indexOf('\t') + 1))).filter((query) => held.has(query))).toEqual(
    [],
  );
});

describe('the figures', () => {
  const one = (route: string, likeliest: string, confidence: number, fallback = false, ms = 10): Judged => ({
    ...{ line: 1, route, query: 'q', likeliest },
    decision: {
      ...{ decision: fallback ? 'answer' : likeliest, confidence, fallback, reason: '', engine: 'embedded', ms },
      probabilities: { [likeliest]: confidence },
    },
  });

  test('of a handful, by hand', () => {
    const judged = [
      one('build', 'build', 0.95, false, 10),
      one('build', 'review', 0.45, true, 20),
      one('review', 'review', 0.85, false, 30),
      one('tool', 'tool', 0.45, true, 40),
      one('tool', 'build', 0.95, false, 50),
    ];
    const made = figures(judged);
    expect(made).toMatchObject({
      ...{ n: 5, accuracy: 0.6, routed: 0.4, fallbacks: 2, engine: 'embedded', p50_ms: 30, p95_ms: 50 },
      perClass: {
        build: { n: 2, recall: 0.5, precision: 0.5 },
        review: { n: 1, recall: 1, precision: 0.5 },
        tool: { n: 2, recall: 0.5, precision: 1 },
      },
      confusion: { build: { build: 1, review: 1 }, review: { review: 1 }, tool: { tool: 1, build: 1 } },
      caught: { wrong: 2, wrongCaught: 1, rightCaught: 1 },
    });
    // Bins: 0.9 to 1: one of two right at 0.95 each; 0.8: right at 0.85; 0.4: one of two right at 0.45 each.
    expect(made.ece).toBeCloseTo((Math.abs(1 - 1.9) + Math.abs(1 - 0.85) + Math.abs(1 - 0.9)) / 5, 4);
  });

  test('a route that nothing was held for has no precision', () => {
    expect(figures([one('tool', 'build', 0.9)]).perClass.tool).toEqual({ n: 1, recall: 0, precision: null });
  });
});
