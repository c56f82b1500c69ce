/**
 * Real corpora and their questions: `bench/corpora/*.json`. Owns: their form, and bringing one onto this machine with the
 * client of the registry that has it (npm, pip) or with git. Does not own: any search.
 *
 * What was fetched is kept under the mesh's home, by name and version. Questions with an even number, from 0, are for
 * tuning; the others are held out and must not be looked at while tuning.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { meshFolder } from '../config/settings.ts';

const FETCH_MS_MAX = 600_000;
const FOLDER = resolve(import.meta.dirname, 'corpora');

const corpusForm = z.strictObject({
  about: z.string(),
  source: z.union([
    z.strictObject({ npm: z.string(), version: z.string() }),
    z.strictObject({ pypi: z.string(), version: z.string() }),
    z.strictObject({ git: z.string(), commit: z.string() }),
  ]),
  folders: z.array(z.string()).min(1),
  questions: z.array(z.strictObject({ text: z.string(), files: z.array(z.string()).min(1) })).min(1),
});
type CorpusFile = z.infer<typeof corpusForm>;
type Source = CorpusFile['source'];
export type CorpusQuestion = CorpusFile['questions'][number];

export interface RealCorpus extends CorpusFile {
  readonly name: string;
}

export function readCorpora(): RealCorpus[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({
      name: basename(file, '.json'),
      ...corpusForm.parse(JSON.parse(readFileSync(join(FOLDER, file), 'utf8'))),
    }));
}

/** The folder of the corpus, fetched where it is missing. @throws Error when it cannot be had */
export function obtain({ name, source }: RealCorpus): string {
  const kept = resolve(meshFolder(), process.env.MESH_HOME ?? '.mesh', 'recall');
  const target = join(kept, `${name}-${'commit' in source ? source.commit.slice(0, 12) : source.version}`);
  if (existsSync(target)) return target;
  mkdirSync(kept, { recursive: true });
  const staging = mkdtempSync(join(kept, '.fetch-'));
  try {
    renameSync(fetched(source, staging), target);
    return target;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function fetched(source: Source, staging: string): string {
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { cwd: staging, stdio: ['ignore', 'ignore', 'pipe'], timeout: FETCH_MS_MAX });
  };
  if ('git' in source) {
    run('git', 'init', '--quiet', 'checkout');
    run('git', '-C', 'checkout', 'fetch', '--quiet', '--depth', '1', source.git, source.commit);
    run('git', '-C', 'checkout', 'checkout', '--quiet', 'FETCH_HEAD');
    return join(staging, 'checkout');
  }
  if ('npm' in source) run('npm', 'pack', '--silent', `${source.npm}@${source.version}`);
  else run('python3', ...PIP, '--no-binary', source.pypi, `${source.pypi}==${source.version}`);
  const archive = readdirSync(staging).find((file) => /\.(?:tgz|tar\.gz)$/.test(file));
  if (archive === undefined) throw new Error(`nothing came for ${JSON.stringify(source)}`);
  mkdirSync(join(staging, 'unpacked'));
  run('tar', '-xzf', archive, '-C', 'unpacked', '--strip-components', '1');
  return join(staging, 'unpacked');
}

const PIP = ['-m', 'pip', 'download', '--quiet', '--no-deps'];
