import { defineConfig } from 'vitest/config';

/**
 * How long a test waits for what must happen, unless it says otherwise. It ends what hangs, so it is far longer than a machine
 * with a busy disk stands still, and costs nothing while tests pass.
 */
const patient = { poll: { timeout: 60_000 } };

/** Fetches models of some 220 MB and generates for minutes: `mesh test real-model` alone asks for it. */
const realModel = {
  test: {
    name: 'real-model',
    include: ['tests/real-model/**/*.test.ts'],
    globalSetup: ['tests/real-model/setup.ts'],
    testTimeout: 400_000,
    hookTimeout: 400_000,
    expect: patient,
    fileParallelism: false,
  },
};

/** Unit tests need nothing but Node; integration tests start real servers and processes of their own. */
export default defineConfig({
  test: {
    projects: [
      ...(process.env.MESH_TEST_REAL_MODEL === '1' ? [realModel] : []),
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: patient,
          // One less by default, which is one on two cores.
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          expect: patient,
          // A mesh waits more than it works: two of them take two cores.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          expect: patient,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
