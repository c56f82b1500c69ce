/** The package: its manifest, what it lets go along, and the changelog at a release. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { released } from '../../../packaging/changelog.ts';
import { assets, leftOut } from '../../../packaging/contents.ts';
import { type Manifest, packageManifest } from '../../../packaging/manifest.ts';

const manifest: Manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));

test('entry points are JavaScript with declarations, and nothing of development goes along', () => {
  const made = packageManifest(manifest);
  expect(made).toMatchObject({
    name: 'agent-mesh',
    bin: { mesh: 'cli/bin.js' },
    exports: {
      '.': { types: './sdk/index.d.ts', default: './sdk/index.js' },
      './runtime': { types: './embed/index.d.ts', default: './embed/index.js' },
      './client': { types: './gateway/client/index.d.ts', default: './gateway/client/index.js' },
      './testing': { types: './sdk/testing.d.ts', default: './sdk/testing.js' },
    },
    dependencies: manifest.dependencies,
  });
  for (const field of ['private', 'scripts', 'devDependencies', 'overrides', 'allowScripts'])
    expect(made).not.toHaveProperty(field);
});

test('every asset of the package is there, but the pages that are built', () => {
  expect(assets.filter((asset) => asset !== 'dashboard/build' && !existsSync(join(projectRoot, asset)))).toEqual([]);
});

test('no source goes along with the assets that is not meant to be read as text', () => {
  const sources = assets
    .filter((asset) => !/snippets|template|dashboard/.test(asset))
    .flatMap((asset) => globSync(`${asset}/**/*.ts`, { cwd: projectRoot }))
    .filter((path) => !leftOut.some((pattern) => pattern.test(path)));
  expect(sources.filter((path) => !path.startsWith('docs/.vitepress'))).toEqual([]);
});

const log = '# Changelog\n\n## [Unreleased]\n\n### Added\n- A thing.\n\n## [0.1.0] - 2026-01-01\n\n- First.\n';

test('a release moves what is unreleased under its version, and leaves the rest', () => {
  expect(released(log, '0.2.0', '2026-11-29')).toBe(
    log.replace('## [Unreleased]\n', '## [Unreleased]\n\n## [0.2.0] - 2026-11-29\n'),
  );
});

test.each([
  ['a version that is there', log, '0.1.0', 'a version 0.1.0 already'],
  ['nothing unreleased', log.replace('### Added\n- A thing.\n', ''), '0.2.0', 'nothing to release'],
  ['no such part', '# Changelog\n', '0.2.0', 'has no ## [Unreleased]'],
])('%s is refused', (_, changelog, version, problem) => {
  expect(() => released(changelog, version, '2026-11-29')).toThrow(problem);
});
