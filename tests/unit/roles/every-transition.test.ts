/**
 * Every transition of every machine is taken by some test of a role: those beside this file run here once more, and
 * what none of them took is named. A new role, or a new transition, fails here until a test takes it.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadRoleDefinitions } from '../../../actors/roles/index.ts';
import { named, watch } from './support/transitions.ts';

const roles = await loadRoleDefinitions();
const watched = roles.flatMap((role) =>
  role.versions.map(({ since, machine }) => ({ name: role.name, since, watch: watch(machine) })),
);

const files = readdirSync(import.meta.dirname).filter(
  (file) => file.endsWith('.test.ts') && file !== 'every-transition.test.ts',
);
for (const file of files) await import(join(import.meta.dirname, file));

describe('every transition is taken', () => {
  test.each(watched)('$name since release $since', ({ watch: { all, taken } }) => {
    const never = all.filter((transition) => !taken.has(transition)).map(named);
    expect(never).toEqual([]);
  });

  test('and there are some', () => {
    expect(watched.length).toBeGreaterThanOrEqual(7);
    for (const { watch: one } of watched) expect(one.all.length).toBeGreaterThan(2);
  });
});
