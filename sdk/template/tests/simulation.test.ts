/** The whole mesh in simulated time: processes die at any moment, stores are lost, and nothing may be lost or done twice. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { simulateMesh } from 'agent-mesh/testing';

test('the translator survives what a machine can do to it', async () => {
  const report = await simulateMesh({ config: new URL('../mesh.config.ts', import.meta.url), seeds: 20 });
  assert.deepEqual(report.violations, []);
  assert.ok(report.kills > 0);
  assert.deepEqual(report.unsimulated, []);
});
