/** The whole harness of the race on our own bare system: real servers, real callers, a real kill; figures, no judgement. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { entriesNamed } from '../../../bench/peers/catalog.ts';
import { killTest } from '../../../bench/peers/kill-test.ts';
import { race } from '../../../bench/peers/race.ts';
import { LOADS } from '../../../bench/peers/results.ts';
import { systemNamed } from '../../../bench/peers/systems/index.ts';
import { terminalTable } from '../../../bench/peers/table.ts';

const home = mkdtempSync(join(tmpdir(), 'mesh-race-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

it('measures the bare host, and leaves nothing behind', async () => {
  const results = await race({
    entries: entriesNamed(['mesh']),
    repetitions: 1,
    pace: { seconds: 0.3, warmUpSeconds: 0.1, settleMs: 20, runsMin: 5 },
    kill: false,
    home,
    say: () => undefined,
  });
  const [outcome] = results.outcomes;
  expect(outcome?.problems).toEqual([]);
  const [sample] = outcome?.samples ?? [];
  expect(sample?.windows.map(({ callers }) => callers)).toEqual([...LOADS]);
  for (const window of sample?.windows ?? []) {
    expect(window.runs).toBeGreaterThan(0);
    expect(window.cpuMsPerRun).toBeGreaterThan(0);
    expect(window.p95Ms).toBeGreaterThanOrEqual(window.p50Ms);
  }
  expect(sample?.windows[0]?.runs).toBeGreaterThanOrEqual(5);
  // The five texts of a run are stored at least once.
  expect(sample?.bytesPerRun).toBeGreaterThan(5 * 2048);
  expect(sample?.idleMb).toBeGreaterThan(10);
  expect(terminalTable(results)).toContain('Agent Mesh, bare host');
  expect(readdirSync(join(home, 'data'))).toEqual([]);
});

it('S3: no run is lost and no step is missing when host and broker are killed in the midst of them', async () => {
  const contestant = { name: 'mesh', system: systemNamed('mesh'), installDir: join(home, 'mesh') };
  const kill = await killTest(contestant, home, { runs: 10, stepMs: 50, doneAtKill: 0.4 });
  expect(kill.stepsDoneAtKill).toBeGreaterThanOrEqual(20);
  expect(kill.stepsDone).toBe(50);
});
