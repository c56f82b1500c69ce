/**
 * Makes what follows from the protocol: the TypeScript in `gen/` and the image that guards against breaking changes.
 * Owns: running buf, which is fetched by npm into `.mesh/tools` when it is first needed. Does not own: the protocol.
 *
 *   node gateway/protocol.ts                     lint, refuse a breaking change, write gen/ and image.binpb
 *   node gateway/protocol.ts --accept-breaking   the same, for a breaking change that is meant
 *   node gateway/protocol.ts --check             write nothing; fail where something has drifted or breaks callers
 */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const BUF_VERSION = '1.75.0';
const here = import.meta.dirname;
const projectRoot = join(here, '..');
const image = join(here, 'proto', 'image.binpb');
const generated = join(here, 'gen');
/** What others own is not ours to break. */
const breakingRules = JSON.stringify({ version: 'v2', breaking: { use: ['FILE'], ignore: ['buf', 'google', 'grpc'] } });

class ProtocolError extends Error {}

function fetchBuf(): string {
  const folder = join(projectRoot, '.mesh', 'tools', `buf-${BUF_VERSION}`);
  const binary = join(folder, 'node_modules', '.bin', 'buf');
  if (existsSync(binary)) return binary;
  mkdirSync(join(projectRoot, '.mesh', 'tools'), { recursive: true });
  const temporary = mkdtempSync(`${folder}.`);
  writeFileSync(join(temporary, 'package.json'), '{"private": true}');
  const args = ['install', '--prefix', temporary, `@bufbuild/buf@${BUF_VERSION}`];
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  rmSync(folder, { recursive: true, force: true });
  renameSync(temporary, folder);
  return binary;
}

const binary = fetchBuf();

/** Runs buf in this folder; what it complains about is the message of the error. */
function buf(...args: string[]): void {
  try {
    execFileSync(binary, args, { cwd: here, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  } catch (error) {
    if (!(error instanceof Error && 'stdout' in error && 'stderr' in error)) throw error;
    throw new ProtocolError(`buf ${args[0] ?? ''}:\n${String(error.stdout)}${String(error.stderr)}`.trim());
  }
}

/** The image of the revision before this one, where git knows it; then that of this revision. */
function baselines(folder: string): string[] {
  const found = existsSync(image) ? [image] : [];
  const before = join(folder, 'before.binpb');
  try {
    const path = relative(projectRoot, image);
    const git = {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 ** 2,
    };
    writeFileSync(before, execFileSync('git', ['show', `HEAD^:${path}`], git));
    return [before, ...found];
  } catch {
    // No git, no revision before, or none with an image: the committed image alone is the baseline.
    return found;
  }
}

function filesIn(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return new Map(
    names
      .map((one) => join(one.parentPath, one.name))
      .sort()
      .map((path) => [relative(folder, path), readFileSync(path, 'utf8')]),
  );
}

function sameFiles(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

interface Made {
  readonly gen: string;
  readonly image: string;
}

function build(folder: string): Made {
  const made = { gen: join(folder, 'gen'), image: join(folder, 'image.binpb') };
  buf('generate', '--output', folder);
  buf('build', '--exclude-source-info', '--output', made.image);
  return made;
}

function check(made: Made): void {
  if (!sameFiles(filesIn(made.gen), filesIn(generated)) || !readFileSync(made.image).equals(readFileSync(image))) {
    throw new ProtocolError(
      'gateway/gen or gateway/proto/image.binpb has drifted from the protocol: run `npm run generate`.',
    );
  }
}

function write(made: Made): void {
  rmSync(generated, { recursive: true, force: true });
  for (const [name, text] of filesIn(made.gen)) {
    mkdirSync(join(generated, name, '..'), { recursive: true });
    writeFileSync(join(generated, name), text);
  }
  writeFileSync(image, readFileSync(made.image));
}

const folder = mkdtempSync(join(tmpdir(), 'mesh-protocol-'));
try {
  buf('lint');
  buf('format', '--diff', '--exit-code', 'proto');
  const made = build(folder);
  if (!process.argv.includes('--accept-breaking')) {
    for (const baseline of baselines(folder)) {
      buf('breaking', made.image, '--against', baseline, '--config', breakingRules);
    }
  }
  if (process.argv.includes('--check')) check(made);
  else write(made);
} catch (error) {
  if (!(error instanceof ProtocolError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
