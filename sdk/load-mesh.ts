/**
 * Reads a `mesh.config.ts` and what it names. Owns: loading it, and a clear word about each mistake in it. Does not own:
 * where it is looked for (config/settings.ts), or what becomes of what it says.
 *
 * Whoever writes `import … from 'agent-mesh'` there gets the product that runs, whatever is installed beside the config: two
 * copies of it, or of XState, would not know each other's machines and errors.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { type FoundRole, loadRoleDefinitions, skillsOf } from '../actors/roles/index.ts';
import { builtinNames } from '../actors/roles/tools/builtin/names.ts';
import type { Tool } from '../actors/roles/tools/builtin/port.ts';
import { projectRoot, SettingsError } from '../config/settings.ts';
import type { MeshConfig } from './define-mesh.ts';
import { placeOf } from './place.ts';

/** What a mesh has beside what ships. */
export interface OwnMesh {
  /** Folder of the config; null for the mesh as it ships. */
  readonly folder: string | null;
  readonly roles: readonly FoundRole[];
  /** Absolute paths of workflow files. */
  readonly workflows: readonly string[];
  readonly tools: readonly Tool[];
  /** Instructions for the language model, by the name of the skill. */
  readonly prompts: Readonly<Record<string, string>>;
  /** Absolute paths for the knowledge base; null: what ships with the product. */
  readonly knowledge: readonly string[] | null;
}

export const nothingOwn: OwnMesh = {
  ...{ folder: null, roles: [], workflows: [], tools: [], prompts: {}, knowledge: null },
};

/** Longer instructions leave no room for what they are about. */
const PROMPT_CHARS_MAX = 20_000;

const texts = z.array(z.string().min(1));
const isDefined = (marks: readonly string[]) => (value: unknown) =>
  typeof value === 'object' && value !== null && marks.every((mark) => mark in value);
const form = z.strictObject({
  roles: z
    .array(z.custom<FoundRole>(isDefined(['name', 'versions', 'loadEffects']), 'make it by defineRole({…})'))
    .default([]),
  workflows: texts.default([]),
  tools: z.array(z.custom<Tool>(isDefined(['name', 'inputSchema', 'run']), 'make it by defineTool({…})')).default([]),
  prompts: z.record(z.string(), z.string()).default({}),
  knowledge: texts.default([]),
}) satisfies z.ZodType<unknown, MeshConfig>;

let hooked = false;

/** The running product answers for its own name. */
function answerForOwnName(): void {
  if (hooked) return;
  hooked = true;
  const parentURL = pathToFileURL(join(projectRoot, 'package.json')).href;
  registerHooks({
    resolve: (specifier, context, next) =>
      /^(?:agent-mesh|xstate)(?:\/|$)/.test(specifier) ? next(specifier, { ...context, parentURL }) : next(specifier),
  });
}

/** @throws SettingsError that names the file, and what is wrong with it */
export async function loadMesh(path: string): Promise<OwnMesh> {
  return checkMesh(await exportOf(path), path);
}

/**
 * @param config what a `mesh.config.ts` exports, or a program brings
 * @param path of its file; its folder is what paths in it are taken from, and errors name it
 * @throws SettingsError that names what is wrong with it
 */
export async function checkMesh(config: unknown, path: string): Promise<OwnMesh> {
  const said = form.safeParse(config);
  if (!said.success) {
    const [issue] = said.error.issues;
    throw wrong(path, `${issue?.path.join('.') || 'its default export'}: ${issue?.message}`);
  }
  const { roles, tools, workflows, prompts, knowledge } = said.data;
  const taken = new Set<string>(builtinNames);
  for (const { name } of tools) {
    if (taken.has(name)) throw wrong(path, `tools: there is a tool ${name} already; give yours another name`);
    taken.add(name);
  }
  const all = await loadRoleDefinitions(roles).catch((error: unknown) => {
    throw wrong(path, `roles: ${messageOf(error)}`, error);
  });
  checkAsked(all, path);
  const known = await skillsOf(all).names();
  const unknown = Object.keys(prompts).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(path, `prompts: there is no skill ${unknown}; there are ${known.join(', ')}`);
  return {
    ...{ folder: dirname(path), roles, tools },
    workflows: workflows.flatMap((pattern) => filesOf(path, 'workflows', pattern)),
    prompts: Object.fromEntries(Object.entries(prompts).map(([name, file]) => [name, promptIn(path, name, file)])),
    knowledge: knowledge.flatMap((pattern) => filesOf(path, 'knowledge', pattern)),
  };
}

/** What a role asks for help has to be there. @throws SettingsError */
function checkAsked(roles: readonly FoundRole[], path: string): void {
  const names = roles.map(({ name }) => name);
  for (const { name, asks = [], asksAlso = [] } of roles) {
    const unknown = [...asks, ...asksAlso].find((one) => !names.includes(one));
    if (unknown !== undefined)
      throw wrong(path, `roles: ${name} asks ${unknown}, and there is no such role; there are ${names.join(', ')}`);
  }
}

async function exportOf(path: string): Promise<unknown> {
  answerForOwnName();
  try {
    const module: { default?: unknown } = await import(pathToFileURL(path).href);
    if (module.default === undefined) throw new Error('it has no default export; export default defineMesh({…})');
    return module.default;
  } catch (error) {
    // A mistake in a role is not the config's.
    const { file, line } = placeOf(error, dirname(path)) ?? { file: path, line: null };
    throw wrong(file, `${line === null ? '' : `line ${line}: `}${messageOf(error)}${adviceOf(error)}`, error);
  }
}

function adviceOf(error: unknown): string {
  const isUnsupported = error instanceof Error && 'code' in error && error.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
  return isUnsupported ? '; Node takes types away and makes no code of them: write it without' : '';
}

/** @throws SettingsError when there is none: it was meant to be there */
function filesOf(path: string, field: string, pattern: string): string[] {
  const folder = dirname(path);
  const found = globSync(pattern, { cwd: folder }).sort();
  if (found.length === 0) throw wrong(path, `${field}: there is nothing at ${pattern}`);
  return found.map((one) => resolve(folder, one));
}

function promptIn(path: string, name: string, file: string): string {
  const source = resolve(dirname(path), file);
  if (!existsSync(source)) throw wrong(path, `prompts.${name}: there is no file ${file}`);
  const text = readFileSync(source, 'utf8').trim();
  if (text === '') throw wrong(path, `prompts.${name}: ${file} is empty`);
  if (text.length > PROMPT_CHARS_MAX)
    throw wrong(path, `prompts.${name}: ${file} has ${text.length} characters; ${PROMPT_CHARS_MAX} is the most`);
  return text;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

function wrong(path: string, what: string, cause?: unknown): SettingsError {
  const near = relative(process.cwd(), path);
  return new SettingsError(`${near.startsWith('..') ? path : near}: ${what}`, { cause });
}
