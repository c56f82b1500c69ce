/** No dependency runs a program of its own when it is installed, and docs/security.md says of each that would what it is for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const lock = JSON.parse(read('package-lock.json')) as {
  packages: Record<string, { hasInstallScript?: boolean }>;
};
const manifest = JSON.parse(read('package.json')) as {
  allowScripts: Record<string, boolean>;
  scripts: Record<string, string>;
};
const wouldRun = Object.entries(lock.packages)
  .filter(([, { hasInstallScript }]) => hasInstallScript === true)
  .map(([path]) => path.replace(/^.*node_modules\//, ''));

describe('scripts at installation', () => {
  test('are off, for npm of any version', () => {
    expect(read('.npmrc').split('\n')).toContain('ignore-scripts=true');
    expect(Object.values(manifest.allowScripts)).not.toContain(true);
  });

  test.each(wouldRun)('%s would run one: the docs say what it is for', (name) => {
    expect(manifest.allowScripts[name]).toBe(false);
    expect(read('docs/security.md')).toContain(`| \`${name}\` |`);
  });

  test('the project relies on none of its own either, as none would run', () => {
    const own = Object.keys(manifest.scripts).filter((name) => /^(?:pre|post)|^prepare$|^install$/.test(name));
    expect(own).toEqual([]);
  });
});
