/**
 * Puts a system's packages and its program into a folder of their own, at the versions of the catalog. Owns: that
 * folder. Does not own: which packages (catalog.ts).
 *
 * What was installed is written down last: an installation that was cut short is made again.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Entry } from './catalog.ts';
import type { System } from './system.ts';

const run = promisify(execFile);
const LIMIT_MS = 10 * 60_000;
const programs = join(import.meta.dirname, 'programs');

/** What a machine lacks; the message is one sentence that says what to install. */
export class NotInstalled extends Error {
  override readonly name = 'NotInstalled';
}

/** @throws NotInstalled */
export async function install(entry: Entry, system: System, folder: string): Promise<void> {
  const missing = system.missing?.() ?? null;
  if (missing !== null) throw new NotInstalled(missing);
  mkdirSync(folder, { recursive: true });
  const stamp = join(folder, 'installed.json');
  const wanted = JSON.stringify([entry.npm, entry.overrides, entry.pip, process.version]);
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    for (const part of ['node_modules', 'package-lock.json', 'python']) {
      rmSync(join(folder, part), { recursive: true, force: true });
    }
    await installNpm(entry, folder);
    await installPip(entry, folder);
    writeFileSync(stamp, wanted);
  }
  // Beside its packages a program finds them by their names.
  const own = readdirSync(programs).filter((name) => name.startsWith(entry.name) && name.endsWith('.mjs'));
  for (const name of own) cpSync(join(programs, name), join(folder, name));
  system.prepare?.(folder);
}

async function installNpm({ npm, overrides = {} }: Entry, folder: string): Promise<void> {
  if (Object.keys(npm).length === 0) return;
  const manifest = { private: true, type: 'module', dependencies: npm, overrides };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  await command('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], folder, 'install Node.js with npm');
}

async function installPip({ pip = {} }: Entry, folder: string): Promise<void> {
  const packages = Object.entries(pip).map(([name, version]) => `${name}==${version}`);
  if (packages.length === 0) return;
  const options = ['--quiet', '--no-deps', '--disable-pip-version-check', '--target', join(folder, 'python')];
  const argv = ['-m', 'pip', 'install', ...options, ...packages];
  await command('python3', argv, folder, 'install Python 3 with pip (apt-get install python3-pip)');
}

async function command(name: string, argv: string[], cwd: string, advice: string): Promise<void> {
  try {
    await run(name, argv, { cwd, timeout: LIMIT_MS });
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') {
      throw new NotInstalled(`${name} was not found: ${advice}`, { cause: thrown });
    }
    const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr) : String(thrown);
    const why = said.trim().split('\n').slice(0, 3).join(' ').slice(0, 300);
    throw new NotInstalled(`${name} could not install its packages (${why}); check the network and try again`, {
      cause: thrown,
    });
  }
}
