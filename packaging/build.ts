/**
 * Builds the package: `npm run pack` leaves `artifacts/package/` and `artifacts/agent-mesh-<version>.tgz`. Owns: the order, and
 * that what is built can be run: nothing reaches outside of it. Does not own: what goes along (`contents.ts`), its manifest
 * (`manifest.ts`), or trying it (`check.ts`).
 *
 * 1. Folders are those of the checkout, so that what the code finds beside itself lies there.
 * 2. JavaScript and declarations are made of the entry points (`tsconfig.json`) and what they import: no tests, no benchmarks.
 * 3. Every import is of a file in it, of Node, or of a dependency that its manifest names.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { assets, leftOut } from './contents.ts';
import { licenceTexts } from './licences.ts';
import { type Manifest, packageManifest } from './manifest.ts';

export const root: string = join(import.meta.dirname, '..');
export const out: string = join(root, 'artifacts', 'package');

/** Specifiers of static and dynamic imports, and of types. */
const IMPORTS = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([\w@./:-]+)\1/g;
/** Of a worker, found beside the module that starts it. */
const WORKER = /new URL\('(\.{1,2}\/[^']+)\.ts', import\.meta\.url\)/g;

/** Types are checked by `npm run types`, with everything else. */
const COMPILER = [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'packaging'];

function json<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
}

export function build(): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  if (!existsSync(join(root, 'dashboard', 'build', 'handler.js')))
    execFileSync('npm', ['run', '--silent', 'dashboard'], { cwd: root, stdio: 'inherit' });
  execFileSync(process.execPath, COMPILER, { cwd: root, stdio: 'inherit' });
  const manifest = json<Manifest>('package.json');
  finishSources();
  dropDeclarations(Object.values(manifest.exports));
  for (const asset of assets) copy(asset);
  const write = (name: string, content: object): void =>
    writeFileSync(join(out, name), `${JSON.stringify(content, null, 2)}\n`);
  write('package.json', packageManifest(manifest));
  writeFileSync(join(out, 'THIRD-PARTY-LICENCES.txt'), licenceTexts(join(root, 'node_modules')));
  checkImports(manifest);
}

/** What the compiler leaves as it is: names of workers' files, and of modules in declarations. */
function finishSources(): void {
  for (const path of globSync('**/*.{js,d.ts}', { cwd: out })) {
    const file = join(out, path);
    const text = readFileSync(file, 'utf8');
    const named = path.endsWith('.d.ts')
      ? text.replace(IMPORTS, (whole, quote: string, name: string) =>
          name.startsWith('.') ? whole.replace(`${quote}${name}`, `${quote}${name.replace(/\.ts$/, '.js')}`) : whole,
        )
      : text.replace(WORKER, "new URL('$1.js', import.meta.url)");
    if (named !== text) writeFileSync(file, named);
  }
}

function importsOf(path: string): string[] {
  return [...readFileSync(join(out, path), 'utf8').matchAll(IMPORTS)].map(([, , name = '']) => name);
}

/** Files of workers that a module starts, beside it. */
function workersOf(path: string): string[] {
  const text = readFileSync(join(out, path), 'utf8');
  return [...text.matchAll(/new URL\('(\.{1,2}\/[^']+\.js)', import\.meta\.url\)/g)].map(([, name = '']) => name);
}

/** Declarations that no entry point leads to are nobody's. */
function dropDeclarations(entries: readonly string[]): void {
  const kept = new Set<string>();
  const follow = (path: string): void => {
    if (kept.has(path) || !existsSync(join(out, path))) return;
    kept.add(path);
    for (const name of importsOf(path))
      if (name.startsWith('.')) follow(join(dirname(path), name.replace(/\.js$/, '.d.ts')));
  };
  for (const entry of entries) follow(join(entry.replace(/\.ts$/, '.d.ts')));
  for (const path of globSync('**/*.d.ts', { cwd: out })) if (!kept.has(path)) rmSync(join(out, path));
}

function copy(asset: string): void {
  const source = join(root, asset);
  if (!existsSync(source)) throw new Error(`packaging/contents.ts names ${asset}, which is not there`);
  const isKept = (path: string): boolean => !leftOut.some((pattern) => pattern.test(relative(root, path)));
  cpSync(source, join(out, asset), { recursive: true, filter: isKept });
}

/** @throws Error that names what would be missing where the package is installed */
function checkImports({ dependencies }: Manifest): void {
  const known = new Set([...Object.keys(dependencies), 'agent-mesh']);
  const isTemplate = (path: string): boolean => path.startsWith('sdk/template/') || path.includes('/snippets/');
  const files = globSync('**/*.js', { cwd: out }).filter((path) => !isTemplate(path) && !path.startsWith('dashboard/'));
  const missing = files.flatMap((path) =>
    importsOf(path)
      .concat(workersOf(path))
      .filter((name) => !isThere(path, name, known))
      .map((name) => `${path}: ${name}`),
  );
  if (missing.length > 0) throw new Error(`the package lacks what it imports:\n  ${missing.join('\n  ')}`);
}

function isThere(path: string, name: string, known: ReadonlySet<string>): boolean {
  if (name.startsWith('.')) return existsSync(join(out, dirname(path), name));
  // `mesh:` is a module that a sandbox makes of a text.
  if (/^(?:node|mesh):/.test(name) || builtinModules.includes(name)) return true;
  const parts = name.split('/');
  return known.has(name.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? ''));
}

/** Returns the path of the tarball. */
export function pack(): string {
  const told = execFileSync(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', join(root, 'artifacts')],
    {
      ...{ cwd: out, encoding: 'utf8' },
    },
  );
  const [packed] = Object.values(JSON.parse(told) as Record<string, { filename: string }>);
  if (packed === undefined) throw new Error('npm pack has said nothing');
  return join(root, 'artifacts', packed.filename);
}

if (import.meta.main) {
  build();
  const tarball = pack();
  const mib = (statSync(tarball).size / 1_048_576).toFixed(1);
  process.stdout.write(`${relative(root, tarball)}: ${mib} MiB\n`);
}
