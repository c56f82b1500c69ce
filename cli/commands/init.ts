/**
 * `mesh init FOLDER`. Owns: making the folder of a mesh of one's own from the template, and joining it to this product.
 * Does not own: what is in the template (sdk/template), or running it.
 */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { isPackage, projectRoot } from '../../config/settings.ts';
import { makeFolder } from '../../guards/make-folder.ts';
import { declare } from '../command.ts';
import { CliError, codeOf } from '../errors.ts';
import { print } from '../terminal.ts';

/** What the folder needs to run, and for an editor to check its types. */
const LINKED = ['agent-mesh', 'typescript', '@types/node'];
const TEMPLATE = join(projectRoot, 'sdk', 'template');
/** May be there already: a repository that was made for the mesh. */
const HARMLESS: ReadonlySet<string> = new Set(['.git', '.DS_Store']);

export function command(): Command {
  return declare({
    name: 'init',
    group: 'Mesh',
    summary: 'make a folder for a mesh of your own',
    details:
      'A role, a workflow, a tool, a prompt, a test and documents to begin with, named in mesh.config.ts. `mesh up` in that folder runs it beside everything that ships.',
    examples: [
      ['init my-mesh', 'a new folder'],
      ['init .', 'the folder you are in, when it is empty'],
    ],
  })
    .argument('<folder>', 'where; it has to be new, or empty')
    .action((folder: string) => init(resolve(folder)));
}

function init(folder: string): void {
  const there = existsSync(folder) ? readdirSync(folder).filter((name) => !HARMLESS.has(name)) : [];
  if (there.length > 0)
    throw new CliError(2, `${folder} is not empty (${there.slice(0, 3).join(', ')}); name a new folder`);
  makeFolder(folder);
  cpSync(TEMPLATE, folder, { recursive: true });
  // npm leaves files of this name out of a package, and a package.json would make the template a package of its own.
  renameSync(join(folder, 'gitignore'), join(folder, '.gitignore'));
  renameSync(join(folder, 'manifest.json'), join(folder, 'package.json'));
  writeManifest(folder);
  linkPackages(folder);
  const near = relative(process.cwd(), folder);
  const shown = near === '' ? '.' : near.startsWith('..') ? folder : near;
  const lines = [
    `${shown} is a mesh of your own. Next:`,
    ...(shown === '.' ? [] : [`  cd ${shown}`]),
    '  npx mesh up --detach',
    '  npx mesh run --workflow translate "The mesh survives every crash"',
  ];
  for (const line of lines) print(line);
}

/** npm's own words for a name; a folder may have any. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+/, '');
  return name === '' ? 'my-mesh' : name;
}

/** `npm install` makes of it what `linkPackages` makes without a network. */
function writeManifest(folder: string): void {
  const path = join(folder, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const devDependencies = Object.fromEntries(
    LINKED.filter((name) => name !== 'agent-mesh').map((name) => [name, versionOf(name)]),
  );
  const dependencies = { 'agent-mesh': productSpec() };
  const whole = { ...manifest, name: packageName(folder), dependencies, devDependencies, overrides };
  writeFileSync(path, `${JSON.stringify(whole, null, 2)}\n`);
  const readme = join(folder, 'README.md');
  writeFileSync(readme, readFileSync(readme, 'utf8').replace(/^# my-mesh/, `# ${basename(folder)}`));
}

/** The builds of llama.cpp for graphics cards weigh some 600 MB; who has a card takes the line out (docs/models.md). */
const overrides = Object.fromEntries(
  [
    'linux-x64-cuda',
    'linux-x64-cuda-ext',
    'linux-x64-vulkan',
    'win-x64-cuda',
    'win-x64-cuda-ext',
    'win-x64-vulkan',
  ].map((build) => [`@node-llama-cpp/${build}`, 'npm:empty-npm-package@1.0.0']),
);

/** What npm installs as `agent-mesh`: this checkout, the tarball that it was installed from, or its version. */
function productSpec(): string {
  if (!isPackage) return `file:${projectRoot}`;
  // The folder that npm or npx made for it says what it was asked for.
  const holder = join(projectRoot, '..', '..');
  const manifest = join(holder, 'package.json');
  const asked: { dependencies?: Record<string, string> } = existsSync(manifest)
    ? JSON.parse(readFileSync(manifest, 'utf8'))
    : {};
  const spec = asked.dependencies?.['agent-mesh'];
  if (spec?.startsWith('file:')) return `file:${resolve(holder, spec.slice('file:'.length))}`;
  return spec ?? `^${versionOf('agent-mesh')}`;
}

function versionOf(name: string): string {
  const found: { version: string } = JSON.parse(readFileSync(join(placeOf(name), 'package.json'), 'utf8'));
  return found.version;
}

/** Folder of a package that this product uses. */
function placeOf(name: string): string {
  if (name === 'agent-mesh') return projectRoot;
  const { resolve: found } = createRequire(join(projectRoot, 'package.json'));
  return dirname(found(`${name}/package.json`));
}

function linkPackages(folder: string): void {
  const modules = join(folder, 'node_modules');
  for (const name of LINKED) {
    const path = join(modules, name);
    makeFolder(dirname(path));
    link(placeOf(name), path);
  }
  const bin = join(modules, '.bin');
  makeFolder(bin);
  link(isPackage ? '../agent-mesh/cli/bin.js' : '../agent-mesh/mesh', join(bin, 'mesh'));
  link('../typescript/bin/tsc', join(bin, 'tsc'));
}

/** A file system without links has its `npm install`. */
function link(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes(codeOf(error))) throw error;
  }
}
