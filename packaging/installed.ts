/**
 * The packed tarball as npm would install it, without a network. Owns: unpacking it below a `node_modules`, with what its
 * manifest names beside it, linked from the checkout. Does not own: packing (`build.ts`).
 *
 * What only development needs is not linked: a dependency that the manifest lacks is missing here as it is for a user.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { root } from './build.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/** @param folder an empty one; it gets a `package.json` that names the tarball, as npx would make it */
export function install(tarball: string, folder: string): void {
  const modules = join(folder, 'node_modules');
  const product = join(modules, 'agent-mesh');
  mkdirSync(product, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', product]);
  chmodSync(join(product, 'cli', 'bin.js'), 0o755);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ dependencies: { 'agent-mesh': `file:${tarball}` } }));
  linkInto(modules);
  mkdirSync(join(modules, '.bin'));
  symlinkSync('../agent-mesh/cli/bin.js', join(modules, '.bin', 'mesh'));
}

/** All dependencies of the product, and theirs. */
function linkInto(modules: string): void {
  const lock: Lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const source = join(root, 'node_modules');
  const names = readdirSync(source).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(source, name)).map((one) => join(name, one)) : [name],
  );
  for (const name of names) {
    const entry = lock.packages[`node_modules/${name}`];
    if (entry === undefined || entry.dev === true) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(source, name), join(modules, name));
  }
}

/**
 * A folder for PATH with an `npx` that takes `file:…tgz` without a network: unpacked once, and run. Everything else goes to
 * the `npx` of npm.
 */
export function offlineNpx(folder: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const script = [
    '#!/bin/sh',
    'case $1 in',
    `  file:*.tgz) exec "${process.execPath}" "${import.meta.filename}" "${join(folder, 'npx')}" "$@" ;;`,
    'esac',
    `exec "${realNpx()}" "$@"`,
  ];
  writeFileSync(join(bin, 'npx'), `${script.join('\n')}\n`, { mode: 0o755 });
  return bin;
}

function realNpx(): string {
  return execFileSync('sh', ['-c', 'command -v npx'], { encoding: 'utf8' }).trim();
}

if (import.meta.main) {
  const [, , folder = '', spec = '', ...words] = process.argv;
  const tarball = join(process.cwd(), basename(spec.slice('file:'.length)));
  if (!existsSync(join(folder, 'package.json'))) install(tarball, folder);
  execFileSync(join(folder, 'node_modules', '.bin', 'mesh'), words, { stdio: 'inherit' });
}
