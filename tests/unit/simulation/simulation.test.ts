/**
 * The short form of `mesh sim`: some hundred seeds on every run. Owns: that none breaks a promise (S1 to S11).
 */
import { expect, test } from 'vitest';
import { runCampaign } from '../../simulation/campaign.ts';

const SEEDS = 400;

test(`S1 to S11 hold over ${SEEDS} seeds with faults`, { timeout: 240_000 }, async () => {
  const { violations, seeds } = await runCampaign({ seeds: SEEDS, firstSeed: 1 });
  expect(violations).toEqual([]);
  expect(seeds).toBe(SEEDS);
});
