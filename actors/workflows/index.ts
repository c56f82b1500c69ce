/**
 * The workflows, read from the JSON files of this folder and checked once. Owns: loading and their type. Does not own:
 * limits of time (limits.ts), or running them; the orchestrator takes a copy into each task, so a changed file never changes a task in flight (S11).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { readWrittenJson, WrittenJsonError } from '../../schemas/written-json.ts';
import { foldedChoice } from './choices.ts';
import { limitsOf, misfit, stepMs, type WorkflowLimits } from './limits.ts';

export interface WorkflowStep {
  readonly step: string;
  readonly role: string;
  /** Of work, for one attempt. */
  readonly timeoutMs: number;
  readonly attempts?: number;
  readonly optional?: boolean;
  readonly approval?: boolean;
  /** A person is asked before the step runs, in these words. */
  readonly approve?: Approve;
  /** Its role answers a cancel with what it had begun; not in a file, but known of the role. */
  readonly confirmsCancel?: boolean;
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

/** As a file has it: what it leaves out is derived. */
interface WorkflowFile extends Omit<Workflow, 'steps'> {
  readonly steps: readonly (Omit<WorkflowStep, 'timeoutMs' | 'confirmsCancel'> & { readonly timeoutMs?: number })[];
}

export interface Workflow {
  readonly name: string;
  readonly description: string;
  /** Queries that belong here, for the router: no task carries them. */
  readonly examples?: readonly string[];
  /** Of a task in it whose caller says nothing, milliseconds. */
  readonly deadlineMs?: number;
  readonly steps: readonly WorkflowStep[];
  readonly loop?: { readonly review: string; readonly revise: string; readonly maxCycles: number };
}

/** A workflow file that cannot be used; the message names the file and the reason. */
export class WorkflowError extends Error {
  override readonly name = 'WorkflowError';
  /** Of the process that cannot start because of it: configuration. */
  readonly exitCode = 2;
}

let validator: ValidateFunction<WorkflowFile> | null = null;

/** Compiled at its first use, since most processes read no workflow; that the schema is one is checked by a test. */
function workflowValidator(): ValidateFunction<WorkflowFile> {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'workflow.schema.json'), 'utf8')) as object;
  return new Ajv2020({ strict: true, validateSchema: false }).compile<WorkflowFile>(schema);
}

/**
 * Checks one workflow, and derives what it leaves out.
 *
 * @param roles roles that exist
 * @param limits what its times are derived from and have to fit into
 * @throws WorkflowError
 */
export function checkWorkflow(
  value: unknown,
  source: string,
  roles: ReadonlySet<string>,
  limits: WorkflowLimits = limitsOf([]),
): Workflow {
  validator ??= workflowValidator();
  const validate = validator;
  if (!validate(value)) {
    throw new WorkflowError(`${source}${schemaProblem(validate.errors?.[0])}`);
  }
  const names = value.steps.map(({ step }) => step);
  const wrong = (field: string, why: string): WorkflowError => new WorkflowError(`${source}/${field}: ${why}`);
  for (const [at, { step, role, approve }] of value.steps.entries()) {
    if (names.indexOf(step) < at) throw wrong(`steps/${at}/step`, `an earlier step is called ${step} too`);
    if (!roles.has(role)) throw wrong(`steps/${at}/role`, `no role ${role}; roles are ${[...roles].join(', ')}`);
    if (approve) checkApprove(approve, (field, why) => wrong(`steps/${at}/approve/${field}`, why));
  }
  if (value.loop) {
    const { review, revise } = value.loop;
    for (const [field, name] of Object.entries({ review, revise }))
      if (!names.includes(name)) throw wrong(`loop/${field}`, `no step ${name}; steps are ${names.join(', ')}`);
    if (names.indexOf(review) <= names.indexOf(revise))
      throw wrong('loop/review', `it must name a step after that of loop/revise, ${revise}`);
  }
  return withLimits(value, source, limits);
}

/**
 * A workflow as a task carried it, for another task. Its times were derived and checked when its file was read, and stay
 * what they were; what is known of a role is of this release.
 *
 * @throws WorkflowError
 */
export function readCarried(carried: unknown, roles: ReadonlySet<string>, limits: WorkflowLimits): Workflow {
  const text = JSON.stringify(carried, (key, value: unknown) => (key === 'confirmsCancel' ? undefined : value));
  const workflow = checkWorkflow(JSON.parse(text), 'the workflow of the fork', roles);
  const steps = workflow.steps.map((step) => {
    const { confirmsCancel = false } = limits.roles.get(step.role) ?? {};
    return { ...step, ...(confirmsCancel ? { confirmsCancel } : {}) };
  });
  return { ...workflow, steps };
}

function withLimits(file: WorkflowFile, source: string, limits: WorkflowLimits): Workflow {
  const steps = file.steps.map((step, at) => {
    const why = misfit(limits, step, file.deadlineMs);
    if (why !== null) throw new WorkflowError(`${source}/steps/${at}/timeoutMs: ${why}`);
    const { confirmsCancel = false } = limits.roles.get(step.role) ?? {};
    return { ...step, timeoutMs: stepMs(limits, step), ...(confirmsCancel ? { confirmsCancel } : {}) };
  });
  return { deadlineMs: limits.deadlineMs, ...file, steps };
}

type Wrong = (field: string, why: string) => WorkflowError;

/** An approval that could not be given, or that nobody would ever be reminded of, is a mistake of the file. */
function checkApprove(approve: NonNullable<WorkflowStep['approve']>, wrong: Wrong): void {
  const { choices = ['yes', 'no'], timeoutMs, remindAfterMs, remindTo } = approve;
  if (choices.length === 1) throw wrong('choices', 'they are two, the one that approves first, or none');
  if (new Set(choices.map(foldedChoice)).size < choices.length) {
    throw wrong('choices', 'they must differ, in more than case and blanks: an answer is compared without them');
  }
  if (approve.default !== undefined && choices.length > 0 && !choices.includes(approve.default)) {
    throw wrong('default', `it must be one of ${choices.join(', ')}`);
  }
  if (approve.default !== undefined && timeoutMs === undefined) throw wrong('default', 'it needs timeoutMs');
  if (remindTo !== undefined && remindAfterMs === undefined) throw wrong('remindTo', 'it needs remindAfterMs');
  if (remindAfterMs !== undefined && remindAfterMs >= (timeoutMs ?? Number.POSITIVE_INFINITY)) {
    throw wrong('remindAfterMs', 'it must be less than timeoutMs');
  }
}

/** The field, and what is wrong with it; the schema's own words name neither a property too many nor the values allowed. */
function schemaProblem(error: ErrorObject | undefined): string {
  if (error === undefined) return ' is not a workflow';
  const { additionalProperty, allowedValues } = error.params as Readonly<Record<string, unknown>>;
  const names = [additionalProperty, allowedValues].flat().filter((one) => typeof one === 'string');
  return `${error.instancePath} ${error.message}${names.length === 0 ? '' : `: ${names.join(', ')}`}`;
}

function parsed(text: string, source: string): unknown {
  try {
    return readWrittenJson(text);
  } catch (error) {
    if (error instanceof WrittenJsonError) throw new WorkflowError(`${source}: ${error.message}`);
    throw error;
  }
}

/** All workflows of a folder by name. @throws WorkflowError */
export function loadWorkflows(
  roles: ReadonlySet<string>,
  folder: string = import.meta.dirname,
  limits: WorkflowLimits = limitsOf([]),
): ReadonlyMap<string, Workflow> {
  const files = namesIn(folder).filter((file) => file.endsWith('.json') && file !== 'workflow.schema.json');
  const workflows = files.sort().map((file) => readWorkflowFile(join(folder, file), roles, limits));
  return new Map(workflows.map((workflow) => [workflow.name, workflow]));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const known: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such folder of workflows',
      ENOTDIR: 'it is a file, and a folder of workflows is wanted',
    };
    throw new WorkflowError(known[code] ?? `cannot be read (${code})`, { cause });
  }
}

function readWorkflowFile(path: string, roles: ReadonlySet<string>, limits: WorkflowLimits): Workflow {
  const file = basename(path);
  const workflow = checkWorkflow(parsed(textOf(path), file), file, roles, limits);
  if (`${workflow.name}.json` !== file)
    throw new WorkflowError(`${file}/name: ${workflow.name} would be in ${workflow.name}.json: change one of the two`);
  return workflow;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const why = code === 'EISDIR' ? 'is a folder, and a workflow is a file' : `cannot be read (${code})`;
    throw new WorkflowError(`${basename(path)}: ${why}`, { cause });
  }
}

/** Workflows of the user's own: a folder of them, and single files. */
export interface OwnWorkflows {
  readonly folder: string | null;
  readonly files: readonly string[];
}

/**
 * The shipped workflows, and those of the user's.
 * @throws WorkflowError, also for a name that is taken
 */
export function workflowsWith(
  roles: ReadonlySet<string>,
  { folder, files }: OwnWorkflows,
  limits: WorkflowLimits = limitsOf([]),
): ReadonlyMap<string, Workflow> {
  const all = new Map(loadWorkflows(roles, undefined, limits));
  const add = (from: string, workflow: Workflow): void => {
    const { name } = workflow;
    if (all.has(name)) throw new WorkflowError(`${join(from, `${name}.json`)}: there is a workflow ${name} already`);
    all.set(name, workflow);
  };
  if (folder !== null)
    for (const workflow of within(folder, () => loadWorkflows(roles, folder, limits)).values()) add(folder, workflow);
  for (const file of files)
    add(
      dirname(file),
      within(dirname(file), () => readWorkflowFile(file, roles, limits)),
    );
  return all;
}

/** What goes wrong is told with the folder it is in. @throws WorkflowError */
function within<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new WorkflowError(`${folder}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
