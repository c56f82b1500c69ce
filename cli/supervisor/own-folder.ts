/**
 * Looks after the folder of a mesh of one's own while it runs: `mesh up --watch`. Owns: noticing edits, trying them in a process
 * of their own first, and which services take them. Does not own: starting a service again (`supervise.ts`), or reading a
 * config (sdk/load-mesh.ts).
 *
 * 1. What cannot be loaded is told, and what runs goes on running as it was.
 * 2. Only services that host something of the folder are started again, in order: they finish their step first.
 * 3. Edits that come while one is taken are taken together afterwards.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { relative, sep } from 'node:path';
import { watch } from 'chokidar';
import { z } from 'zod';
import type { AddedRole } from '../../bus/identities.ts';
import { meshEnv, programFile } from '../../config/settings.ts';

/** An editor that writes a file in several steps is done by then; a person does not notice it. */
const SETTLE_MS = 200;
/** Loading a config takes a second on a busy machine; one that hangs is a mistake too. */
const LOAD_LIMIT_MS = 60_000;
/** What nobody loads, and what the mesh writes itself. */
const NOT_LOADED = /(?:^|[\\/])(?:node_modules|\.[^\\/]+)(?:[\\/]|$)|\.test\.[cm]?[jt]s$|~$|\.sw[px]$/;

const description = z.object({
  /** Services by the name of the role. */
  roles: z.record(z.string(), z.string()),
  hasTools: z.boolean(),
  /** Paths. */
  workflows: z.array(z.string()),
  knowledge: z.array(z.string()),
  /** Of the texts of workflows and of prompts. */
  workflowsDigest: z.string(),
  promptsDigest: z.string(),
});

/** What there is of a mesh of one's own, as `own-mesh-program.ts` prints it. */
export type OwnDescription = z.infer<typeof description>;

export interface Taken {
  /** Services to start again. */
  readonly services: readonly string[];
  /** The roles of the mesh, when they are others than before: the log server has to know them. */
  readonly roles: readonly AddedRole[] | null;
  /** Documents to be read again, of which some were edited; null when none were. */
  readonly index: readonly string[] | null;
}

/** What an edit is taken by. @param paths that were edited, absolute */
export function takenBy(before: OwnDescription, after: OwnDescription, paths: readonly string[]): Taken {
  const known = (list: readonly string[], path: string): boolean =>
    list.some((one) => path === one || path.startsWith(`${one}${sep}`));
  const documents = [...before.knowledge, ...after.knowledge];
  const workflows = [...before.workflows, ...after.workflows];
  const code = paths.filter((path) => !known(documents, path) && !known(workflows, path));
  const services = new Set<string>();
  if (code.length > 0) {
    for (const service of [...Object.values(before.roles), ...Object.values(after.roles)]) services.add(service);
    if (before.hasTools || after.hasTools) services.add('tools');
  }
  const hasOtherRoles = JSON.stringify(before.roles) !== JSON.stringify(after.roles);
  const isOtherwise = (field: 'workflowsDigest' | 'promptsDigest'): boolean => before[field] !== after[field];
  if (hasOtherRoles || isOtherwise('workflowsDigest')) for (const one of ['agents', 'gateway']) services.add(one);
  if (isOtherwise('promptsDigest')) services.add('llm');
  const roles = hasOtherRoles ? Object.entries(after.roles).map(([name, service]) => ({ name, service })) : null;
  return {
    services: [...services],
    roles,
    index: paths.some((path) => known(documents, path)) ? after.knowledge : null,
  };
}

/**
 * Says what the config of this mesh brings, read in a process of its own each time. It is the config that is there now: one that
 * goes away is a mistake, and not a mesh without one. What is returned throws an Error that says what is wrong with it.
 */
export function ownMeshDescriber(): () => Promise<OwnDescription> {
  const options = { env: { ...process.env, ...meshEnv() }, timeout: LOAD_LIMIT_MS };
  return () => described(options);
}

function described(options: { env: NodeJS.ProcessEnv; timeout: number }): Promise<OwnDescription> {
  const program = programFile('cli', 'supervisor', 'own-mesh-program');
  return new Promise((found, failed) => {
    execFile(process.execPath, [program], options, (error, stdout, stderr) => {
      const said = stdout === '' ? null : description.safeParse(JSON.parse(stdout));
      if (said?.success) found(said.data);
      else failed(new Error(stderr.trim().split('\n').at(-1) || error?.message || 'it could not be read'));
    });
  });
}

export interface FolderOptions {
  readonly folder: string;
  /** State of the mesh: it changes all the time. */
  readonly home: string;
  readonly describe: () => Promise<OwnDescription>;
  readonly take: (taken: Taken) => Promise<void>;
  readonly note: (text: string) => void;
}

/** Returns the function that ends it, once what is being taken has been taken. */
export async function watchOwnFolder(options: FolderOptions): Promise<() => Promise<void>> {
  const { folder, home, describe, take, note } = options;
  let before = await describe();
  const edited = new Set<string>();
  /** Edited as well, and not taken since something was wrong. */
  let owed: string[] = [];
  let timer: NodeJS.Timeout | null = null;
  let taking: Promise<void> | null = null;

  const takeAll = async (): Promise<void> => {
    while (edited.size > 0) {
      const paths = [...new Set([...owed, ...edited])];
      edited.clear();
      owed = paths;
      try {
        const after = await describe();
        const taken = takenBy(before, after, paths);
        before = after;
        owed = [];
        note(
          `${shown(folder, paths)} changed: ${taken.services.join(', ') || 'no service'} ${taken.services.length > 0 ? 'starts again' : 'has it'}`,
        );
        await take(taken);
      } catch (error) {
        note(
          `${shown(folder, paths)} changed and cannot be taken, so what runs goes on: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    taking = null;
  };
  const isIgnored = (path: string): boolean =>
    NOT_LOADED.test(relative(folder, path)) || path === home || path.startsWith(`${home}${sep}`);
  const watcher = watch(folder, { ignored: isIgnored, ignoreInitial: true });
  watcher.on('all', (_, path) => {
    edited.add(path);
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      taking ??= takeAll();
    }, SETTLE_MS);
  });
  watcher.on('error', (error) => note(`${folder} cannot be watched: ${String(error)}`));
  await once(watcher, 'ready');
  return async () => {
    await watcher.close();
    if (timer !== null) clearTimeout(timer);
    edited.clear();
    await taking;
  };
}

const SHOWN_MAX = 3;

function shown(folder: string, paths: readonly string[]): string {
  const names = paths.map((path) => relative(folder, path)).sort();
  const more = names.length > SHOWN_MAX ? ` and ${names.length - SHOWN_MAX} more` : '';
  return `${names.slice(0, SHOWN_MAX).join(', ')}${more}`;
}
