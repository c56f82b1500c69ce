/**
 * Makes a release: `npm run release -- minor`. Owns: the order. Does not own: any check, or publishing: a person looks at the
 * commit and the tarball first, and pushes them.
 *
 * Clean tree on main; version in package.json and its lock; the changelog's lines under it; all that CI runs; the tarball;
 * commit and tag. What fails leaves the tree to look at; `git checkout .` takes the changes back.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, pack, root } from './build.ts';
import { released } from './changelog.ts';
import type { Manifest } from './manifest.ts';

const USAGE = 'usage: npm run release -- major|minor|patch|VERSION';

function said(command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd: root, encoding: 'utf8' }).trim();
}

function shown(command: string, ...args: string[]): void {
  execFileSync(command, args, { cwd: root, stdio: 'inherit' });
}

function release(step: string): void {
  if (said('git', 'status', '--porcelain', '--untracked-files=no') !== '')
    throw new Error('there are changes: commit them first');
  const branch = said('git', 'rev-parse', '--abbrev-ref', 'HEAD');
  if (branch !== 'main') throw new Error(`releases are made on main, and this is ${branch}`);
  shown('npm', 'version', step, '--no-git-tag-version');
  const { version }: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const changelog = join(root, 'CHANGELOG.md');
  writeFileSync(changelog, released(readFileSync(changelog, 'utf8'), version, new Date().toISOString().slice(0, 10)));
  shown('.ci/run');
  build();
  const tarball = pack();
  shown('git', 'commit', '--all', '--message', `Release ${version}`);
  shown('git', 'tag', '--annotate', `v${version}`, '--message', `Agent Mesh ${version}`);
  console.log(`\nv${version} is made. Look at ${relative(root, tarball)}, then:`);
  console.log(`  git push --follow-tags\n  npm publish ${relative(root, tarball)}`);
}

const [step] = process.argv.slice(2);
if (step === undefined || !/^(?:major|minor|patch|\d+\.\d+\.\d+)$/.test(step)) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    release(step);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
