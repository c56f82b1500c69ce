/**
 * Tries the packed package: `npm run check:package`, after `npm run pack`. Owns: which checks there are. Does not own: building
 * (`build.ts`), its public API (`api-report.ts`), or the walk of a new user (`walk.ts`).
 *
 * 1. `publint` and `@arethetypeswrong/cli` find nothing.
 * 2. A program of somebody else compiles against every entry, `strict`, resolved as Node does and as bundlers do.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build, out, pack, root } from './build.ts';
import { install } from './installed.ts';

/** Node runs ESM from `require` as well; what resolved modules before Node had `exports` is not served. */
const WRONG_TYPES = ['--profile', 'esm-only', '--no-emoji', '--no-color'];

function ran(command: string, args: readonly string[], cwd: string): string | null {
  try {
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
    return null;
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error;
    return `${error.stdout}${error.stderr}`;
  }
}

async function linted(): Promise<string | null> {
  const { messages, pkg } = await publint({ pkgDir: out, pack: false, strict: true });
  // The tests of the template are for the mesh that is made of it.
  const found = messages
    .map((one) => formatMessage(one, pkg, { color: false }) ?? one.code)
    .filter((text) => !ofTemplate(text));
  return found.length === 0 ? null : found.join('\n');
}

function ofTemplate(text: string): boolean {
  const files = text.match(/\/[\w./-]+\.test\.[jt]s/g) ?? [];
  return files.length > 0 && files.every((file) => file.startsWith('/sdk/template/'));
}

function typesResolved(tarball: string): string | null {
  return ran(
    process.execPath,
    [join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js'), tarball, ...WRONG_TYPES],
    root,
  );
}

/** @param how of module and moduleResolution */
function compiled(tarball: string, how: { readonly module: string; readonly moduleResolution: string }): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'mesh-consumer-'));
  try {
    install(tarball, folder);
    cpSync(join(root, 'packaging', 'consumer'), folder, { recursive: true });
    const compilerOptions = {
      ...how,
      target: 'es2024',
      strict: true,
      noEmit: true,
      types: ['node'],
      skipLibCheck: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const types = join(folder, 'node_modules', '@types');
    if (!existsSync(types)) symlinkSync(join(root, 'node_modules', '@types'), types);
    return ran(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder], folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (!existsSync(join(out, 'package.json'))) build();
const tarball = pack();
const checks: Readonly<Record<string, string | null>> = {
  publint: await linted(),
  'are the types wrong': typesResolved(tarball),
  'compiles with nodenext': compiled(tarball, { module: 'nodenext', moduleResolution: 'nodenext' }),
  'compiles with bundler': compiled(tarball, { module: 'esnext', moduleResolution: 'bundler' }),
};
for (const [name, problem] of Object.entries(checks))
  console.log(problem === null ? `ok   ${name}` : `FAIL ${name}\n${problem}`);
process.exitCode = Object.values(checks).every((problem) => problem === null) ? 0 : 1;
