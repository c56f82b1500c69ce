/**
 * The short form of `mesh sim`, and what the simulation itself has to hold. Owns: that none of these seeds breaks a
 * promise (S1 to S11), that a seed is a run, that new roles and workflows are simulated without being listed. Does not
 * own: that broken promises are seen; `simulation/mutate.ts` shows that, and here only that each of its mutations
 * still applies.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCampaign } from '../../../simulation/campaign.ts';
import { loadCatalog } from '../../../simulation/catalog.ts';
import { drawFaults } from '../../../simulation/draw-faults.ts';
import { faultPoints, pointOf } from '../../../simulation/faults.ts';
import { mutated, mutations } from '../../../simulation/mutations/index.ts';
import { Random } from '../../../simulation/random.ts';
import { simulate } from '../../../simulation/simulate.ts';

const SEEDS = 100;
const simulation = join(import.meta.dirname, '..', '..', '..', 'simulation');

test(`S1 to S11 hold over ${SEEDS} seeds with faults`, { timeout: 240_000 }, async () => {
  const { violations, seeds, unsimulated } = await runCampaign({ seeds: SEEDS, firstSeed: 1 });
  expect(violations).toEqual([]);
  expect(seeds).toBe(SEEDS);
  expect(unsimulated).toEqual([]);
});

/** Each of these has shown a fault of the runtime, or of what judges it. */
const FOUND = [
  121, 198, 244, 662, 202_123, 204_768, 211_849, 301_432, 302_497, 304_675, 305_296, 402_435, 404_099, 406_278, 408_603,
  420_579, 423_601, 424_523, 424_749, 427_250, 500_403, 500_955, 502_434, 511_328, 513_415, 523_193, 523_263, 524_954,
  530_770, 601_735, 602_541, 605_130, 606_111, 706_703, 800_643, 1538, 2777, 6262, 1010712, 1033778, 1103872, 4031371,
  7035656, 7036236, 9023675, 10037444,
];

test.each(FOUND)('seed %i holds', async (seed) => {
  expect((await runCampaign({ seeds: 1, firstSeed: seed })).violations).toEqual([]);
});

test('every fault that has a name is drawn', () => {
  const drawn = new Set<string>();
  for (const hosts of [
    ['one', 'two'],
    ['one', 'one-2'],
  ]) {
    const ground = { hosts, lanes: () => ['coder', 'orchestrator', 'ingress'], untilMs: 2500 };
    for (const losing of ['nothing', 'ledgers', 'log', 'back', 'retention'] as const) {
      for (let seed = 1; seed <= 1000; seed += 1)
        for (const fault of drawFaults(new Random(`drawn ${losing} ${seed}`), ground, losing))
          drawn.add(pointOf(fault));
    }
  }
  expect(faultPoints.filter((point) => !drawn.has(point))).toEqual([]);
  expect([...drawn].filter((point) => !faultPoints.includes(point))).toEqual([]);
});

test('a seed is one run: the same seed does the same, to the last event', async () => {
  const catalog = await loadCatalog();
  for (const seed of [3, 42, 97, 383, 1401]) {
    const first = await simulate({ seed, catalog, trace: true });
    const second = await simulate({ seed, catalog, trace: true });
    expect(second.trace).toEqual(first.trace);
    expect(second.tasksRun).toBe(first.tasksRun);
  }
});

test('a new role and a new workflow are simulated as soon as their files are there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-new-role-'));
  try {
    const catalog = await loadCatalog();
    expect(catalog.roles.map(({ name }) => name)).toContain('courier');
    const errand = join(folder, 'errand.json');
    const steps = [{ step: 'carry', role: 'courier', timeoutMs: 9000 }];
    writeFileSync(errand, JSON.stringify({ name: 'errand', description: 'New.', steps }));
    const grown = await loadCatalog({ roles: [], workflows: [errand] });
    expect([...grown.workflows.keys()]).toContain('errand');
    const { violations, events } = await runCampaign({ seeds: 25, firstSeed: 1, catalog: grown });
    expect(violations).toEqual([]);
    expect(events['effect runs (once)']).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every mutation applies to the tree as it is, and changes it', () => {
  const root = join(import.meta.dirname, '..', '..', '..');
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  for (const mutation of mutations) {
    const before = readFileSync(join(root, mutation.file), 'utf8');
    expect(mutated(mutation, root), mutation.name).not.toBe(before);
    if (mutation.seenBy !== undefined) expect(existsSync(join(root, mutation.seenBy)), mutation.seenBy).toBe(true);
  }
});

test('a mutation runs on a tree of its own, and is caught', { timeout: 240_000 }, () => {
  const mutate = join(simulation, 'mutate.ts');
  const words = [mutate, '--only', 'ledger-alone-tells', '--seeds', '5', '--json'];
  const result = JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }));
  expect(result).toMatchObject({ mutations: 1, caught: 1, verdicts: [{ by: expect.stringContaining('J2') }] });
});
