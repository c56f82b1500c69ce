/**
 * The workflows, read from the JSON files of this folder and checked once. Owns: loading and their type. Does not own:
 * running them; the orchestrator takes a copy into each task, so a changed file never changes a task in flight (S11).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';

export interface WorkflowStep {
  readonly step: string;
  readonly role: string;
  readonly timeoutMs: number;
  readonly attempts?: number;
  readonly optional?: boolean;
  readonly approval?: boolean;
  /** A person is asked before the step runs, in these words. */
  readonly approve?: Approve;
}

export interface Approve {
  readonly question?: string;
  /** The first lets the step run, the second does not; none: any answer lets it run. */
  readonly choices?: readonly string[];
  readonly timeoutMs?: number;
  readonly default?: string;
  readonly remindAfterMs?: number;
  readonly remindTo?: string;
}

export interface Workflow {
  readonly name: string;
  readonly description: string;
  readonly steps: readonly WorkflowStep[];
  readonly loop?: { readonly review: string; readonly revise: string; readonly maxCycles: number };
}

/** A workflow file that cannot be used; the message names the file and the reason. */
export class WorkflowError extends Error {
  override readonly name = 'WorkflowError';
}

const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'workflow.schema.json'), 'utf8')) as object;
const validate = new Ajv2020({ strict: true }).compile<Workflow>(schema);

/** Checks one workflow. @param roles roles that exist. @throws WorkflowError */
export function checkWorkflow(value: unknown, source: string, roles: ReadonlySet<string>): Workflow {
  if (!validate(value)) {
    const [error] = validate.errors ?? [];
    throw new WorkflowError(`${source}${error?.instancePath ?? ''} ${error?.message ?? 'is not a workflow'}`);
  }
  const names = value.steps.map(({ step }) => step);
  if (new Set(names).size < names.length) throw new WorkflowError(`${source}: two steps have the same name`);
  const stranger = value.steps.find(({ role }) => !roles.has(role));
  if (stranger) throw new WorkflowError(`${source}: no role ${stranger.role}; roles are ${[...roles].join(', ')}`);
  for (const step of value.steps) checkApprove(step, source);
  if (value.loop) {
    const { review, revise } = value.loop;
    if (names.indexOf(revise) < 0 || names.indexOf(review) <= names.indexOf(revise)) {
      throw new WorkflowError(`${source}: loop.review must name a step after loop.revise`);
    }
  }
  return value;
}

/** An approval that could not be given, or that nobody would ever be reminded of, is a mistake of the file. */
function checkApprove({ step, approve }: WorkflowStep, source: string): void {
  if (approve === undefined) return;
  const { choices = ['yes', 'no'], timeoutMs, remindAfterMs, remindTo } = approve;
  const wrong = (what: string): WorkflowError => new WorkflowError(`${source}: step ${step}: approve.${what}`);
  if (choices.length === 1) throw wrong('choices are two, the one that approves first, or none');
  if (new Set(choices.map((one) => one.trim().toLowerCase())).size < choices.length) {
    throw wrong('choices must differ');
  }
  if (approve.default !== undefined && choices.length > 0 && !choices.includes(approve.default)) {
    throw wrong(`default must be one of ${choices.join(', ')}`);
  }
  if (approve.default !== undefined && timeoutMs === undefined) throw wrong('default needs timeoutMs');
  if (remindTo !== undefined && remindAfterMs === undefined) throw wrong('remindTo needs remindAfterMs');
  if (remindAfterMs !== undefined && remindAfterMs >= (timeoutMs ?? Number.POSITIVE_INFINITY)) {
    throw wrong('remindAfterMs must be less than timeoutMs');
  }
}

function parsed(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WorkflowError(`${source}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** All workflows of a folder by name. @throws WorkflowError */
export function loadWorkflows(
  roles: ReadonlySet<string>,
  folder: string = import.meta.dirname,
): ReadonlyMap<string, Workflow> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'workflow.schema.json');
  return new Map(
    files.sort().map((file) => {
      const workflow = checkWorkflow(parsed(readFileSync(join(folder, file), 'utf8'), file), file, roles);
      if (`${workflow.name}.json` !== file) throw new WorkflowError(`${file}: its name is ${workflow.name}`);
      return [workflow.name, workflow];
    }),
  );
}

/**
 * The shipped workflows, and those of a folder of the user's.
 * @param folder null for none
 * @throws WorkflowError, also for a name that is taken
 */
export function workflowsWith(roles: ReadonlySet<string>, folder: string | null): ReadonlyMap<string, Workflow> {
  const shipped = loadWorkflows(roles);
  if (folder === null) return shipped;
  let own: ReadonlyMap<string, Workflow>;
  try {
    own = loadWorkflows(roles, folder);
  } catch (error) {
    throw new WorkflowError(`${folder}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  for (const name of own.keys()) {
    if (shipped.has(name))
      throw new WorkflowError(`${join(folder, `${name}.json`)}: there is a workflow ${name} already`);
  }
  return new Map([...shipped, ...own]);
}
