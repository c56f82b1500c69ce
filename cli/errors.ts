/**
 * What a command says when it cannot go on. Owns: exit codes and turning anything thrown into one line that says what
 * to do. Does not own: printing it (main.ts).
 *
 * Exit codes: 0 ok, 1 the task failed, 2 usage or configuration, 3 a dependency is missing or unreachable; `mesh run` has
 * a fourth, 4: the task completed without what was asked for.
 */
import { BusError } from '../bus/port.ts';
import { SettingsError } from '../config/settings.ts';
import { NOT_REGULAR } from '../guards/named-file.ts';
import { MeshError } from '../task-client/errors.ts';

export type ExitCode = 0 | 1 | 2 | 3;

/** Ends a command; the message is one line for a person. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** Lines shown below the message, such as the last ones of a log. */
  readonly details: readonly string[];
  constructor(exitCode: ExitCode, message: string, options: ErrorOptions & { details?: readonly string[] } = {}) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.details = options.details ?? [];
  }
}

export interface Failure {
  readonly exitCode: ExitCode;
  readonly message: string;
  /** False when nobody foresaw this error: then the place it came from is worth showing with --verbose. */
  readonly expected: boolean;
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a file is where a folder should be',
  SQLITE_FULL: 'the disk is full',
  SQLITE_READONLY: 'the file is read-only',
  SQLITE_CANTOPEN: 'the file cannot be opened',
};

/** Of a path that somebody named. */
const pathProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EISDIR: 'a folder is where a file should be',
  EEXIST: 'something else is there already',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'links lead to each other there',
  ENXIO: 'nobody reads from that pipe',
  [NOT_REGULAR]: 'it is no regular file',
};

/** The string code of a Node or SQLite error; empty when there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** A file problem in words (`the disk is full`), or null when the error is something else. */
export function fileProblem(error: unknown): string | null {
  return fileProblems[codeOf(error)] ?? null;
}

/** The same of a path that was named by whoever called: it may as well not be there. */
export function pathProblem(error: unknown): string | null {
  if (isMaking(error)) {
    // Of a folder whose parent is there, as /proc says it.
    if (codeOf(error) === 'ENOENT') return 'no folder can be made there';
    if (codeOf(error) === 'EEXIST') return fileProblems.ENOTDIR ?? null;
  }
  return fileProblem(error) ?? pathProblems[codeOf(error)] ?? null;
}

function isMaking(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error && (error.syscall === 'mkdir' || error.syscall === 'mkdtemp');
}

/** What to do about a folder that could not be made. */
function advice(error: unknown): string {
  if (!isMaking(error)) return '';
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error)) ? '; make room' : '; name another place';
}

function busFailure(error: BusError): Failure {
  switch (error.code) {
    case 'unreachable':
      return { exitCode: 3, message: `${error.message}; start the mesh with \`mesh up\``, expected: true };
    case 'unavailable':
    case 'no_jetstream':
    case 'unsupported_server':
    case 'closed':
      return { exitCode: 3, message: error.message, expected: true };
    case 'refused':
    case 'conflict':
      return { exitCode: 1, message: error.message, expected: true };
    default:
      throw new Error(`unhandled bus error code: ${String(error.code satisfies never)}`);
  }
}

/** What somebody else did is no mistake of the one who calls. */
const LOST: ReadonlySet<string> = new Set(['ANSWERED_ALREADY', 'OTHER_QUESTION', 'TASK_ENDED']);

function meshExit({ code, reason }: MeshError): ExitCode {
  if (LOST.has(reason)) return 1;
  switch (code) {
    case 'invalid_argument':
    case 'not_found':
    case 'already_exists':
    case 'permission_denied':
    case 'unauthenticated':
    case 'failed_precondition':
    case 'unimplemented':
      return 2;
    case 'unavailable':
    case 'deadline_exceeded':
    case 'resource_exhausted':
      return 3;
    case 'cancelled':
    case 'internal':
      return 1;
    default:
      throw new Error(`unhandled code: ${String(code satisfies never)}`);
  }
}

function meshFailure(error: MeshError): Failure {
  if (error.cause instanceof BusError) return busFailure(error.cause);
  const more = error.reason === 'NOT_TAKEN_YET' ? '; see `mesh status`' : '';
  return { exitCode: meshExit(error), message: `${error.message}${more}`, expected: error.reason !== 'UNEXPECTED' };
}

function knowledgeExit(code: string): ExitCode {
  return code === 'busy' || code === 'corrupt' ? 3 : 2;
}

/** What the file system refuses has to do with the place. */
function knowledgeProblem({ message, cause }: Error): string {
  const problem = pathProblem(cause);
  return problem === null
    ? message
    : `the knowledge base: ${problem}${advice(cause)} (MESH_KNOWLEDGE_PATH or MESH_HOME)`;
}

/** Everything that can be thrown, as an exit code and one line. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof CliError) return { exitCode: thrown.exitCode, message: thrown.message, expected: true };
  if (thrown instanceof SettingsError) return { exitCode: 2, message: thrown.message, expected: true };
  if (thrown instanceof BusError) return busFailure(thrown);
  if (thrown instanceof MeshError) return meshFailure(thrown);
  if (thrown instanceof Error && thrown.name === 'KnowledgeError') {
    return { exitCode: knowledgeExit(codeOf(thrown)), message: knowledgeProblem(thrown), expected: true };
  }
  if (thrown instanceof Error && thrown.name === 'WorkflowError')
    return { exitCode: 2, message: thrown.message, expected: true };
  const problem = pathProblem(thrown);
  if (problem !== null && thrown instanceof Error) {
    const path = 'path' in thrown && typeof thrown.path === 'string' ? `${thrown.path}: ` : '';
    return { exitCode: 2, message: `${path}${problem}${advice(thrown)}`, expected: true };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { exitCode: 1, message: `unexpected: ${message.split('\n')[0]}`, expected: false };
}

/** The chain of causes of an error, for --verbose. */
export function causesOf(thrown: unknown): string[] {
  const lines: string[] = [];
  let current = thrown instanceof Error ? thrown.cause : undefined;
  for (let depth = 0; current !== undefined && depth < 8; depth++) {
    lines.push(current instanceof Error ? `${current.name}: ${current.message}` : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines;
}
