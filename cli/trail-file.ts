/**
 * The whole trail of a task as one file. Owns: its form, leaving secrets out, and where imported ones are kept. Does not own:
 * reading a trail from the log, or showing it.
 *
 * 1. An imported trail is a file in MESH_HOME and nothing else: no part of it enters the log, so nothing is ever run from it.
 * 2. A file is believed in nothing: every event is checked as one that comes from the log.
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Settings } from '../config/settings.ts';
import { makeFolder } from '../guards/make-folder.ts';
import { readNamed } from '../guards/named-file.ts';
import { valueWithoutSecrets } from '../guards/secrets.ts';
import { parseEach } from '../schemas/events/envelope.ts';
import { type Fact, factFrom } from '../schemas/events/fact.ts';
import { isCorrelationId } from '../schemas/events/subjects.ts';
import { readWrittenJson, WrittenJsonError } from '../schemas/written-json.ts';
import { plainJson } from '../telemetry/plain-json.ts';
import { CliError, codeOf, pathProblem } from './errors.ts';

const FORMAT = 'agent-mesh-trail';
/** Far beyond any trail: a task has few hops, and a message of the log a limit. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;

const trailFile = z.object({
  format: z.literal(FORMAT),
  version: z.literal(1),
  taskId: z.string().refine(isCorrelationId, 'is no task id'),
  exportedAt: z.iso.datetime(),
  /** Release that wrote it. */
  by: z.string(),
  secretsLeftOut: z.boolean(),
  events: z.array(
    z.object({
      seq: z.number().int().positive(),
      index: z.number().int().min(0),
      storedAt: z.iso.datetime(),
      event: z.record(z.string(), z.unknown()),
    }),
  ),
});

type TrailFile = z.infer<typeof trailFile>;

export interface ImportedTrail {
  readonly taskId: string;
  readonly facts: readonly Fact[];
  readonly exportedAt: string;
  readonly secretsLeftOut: boolean;
}

/** Text of the file. @param leaveOut secrets of known forms are replaced, wherever they stand */
export function trailText(taskId: string, facts: readonly Fact[], by: string, leaveOut: boolean): string {
  const file: TrailFile = {
    ...{ format: FORMAT, version: 1, taskId, exportedAt: new Date().toISOString(), by, secretsLeftOut: leaveOut },
    events: facts.map(({ seq, index, storedAtMs, event }) => ({
      ...{ seq, index, storedAt: new Date(storedAtMs).toISOString() },
      event: { ...(leaveOut ? (valueWithoutSecrets(event) as object) : event) },
    })),
  };
  return `${plainJson(JSON.stringify(file, null, 2))}\n`;
}

/** @param source named in errors. @throws CliError with exit code 2 */
export function parseTrail(text: string, source: string): ImportedTrail {
  let json: unknown;
  try {
    json = readWrittenJson(text);
  } catch (error) {
    if (!(error instanceof WrittenJsonError)) throw error;
    throw new CliError(2, `${source}: ${error.message}; \`mesh export\` makes such files`);
  }
  const parsed = trailFile.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join('.') || 'the file';
    throw new CliError(
      2,
      `${source} is no trail of a task: ${field}: ${issue?.message}; \`mesh export\` makes such files`,
    );
  }
  const { taskId, exportedAt, secretsLeftOut, events } = parsed.data;
  const facts = events.map(({ seq, index, storedAt, event }, at) => {
    const each = parseEach(Buffer.from(JSON.stringify(event)));
    const [first] = each.ok ? each.value : [];
    const rejection = each.ok ? (first?.ok === false ? first.rejection : null) : each.rejection;
    if (first?.ok !== true)
      throw new CliError(2, `${source}: events.${at} is no event: ${rejection?.reason ?? 'it is empty'}`);
    if (first.value.correlationid !== taskId) throw new CliError(2, `${source}: events.${at} is of another task`);
    return factFrom(first.value, { seq, index, storedAtMs: Date.parse(storedAt) });
  });
  if (facts.length === 0) throw new CliError(2, `${source} has no events`);
  return { taskId, facts, exportedAt, secretsLeftOut };
}

const folderOf = (settings: Settings): string => join(settings.MESH_HOME, 'imported');

/** Reads, checks and keeps a trail; the same task again replaces it. @throws CliError */
export function importTrail(settings: Settings, path: string): ImportedTrail {
  let text: string;
  try {
    text = readNamed(path).toString('utf8');
  } catch (cause) {
    const reason = pathProblem(cause) ?? codeOf(cause);
    throw new CliError(2, `${path}: ${reason}`, { cause });
  }
  if (text.length > FILE_BYTES_MAX) throw new CliError(2, `${path} is larger than any trail`);
  const trail = parseTrail(text, path);
  makeFolder(folderOf(settings));
  const target = join(folderOf(settings), `${trail.taskId}.json`);
  writeFileSync(`${target}.tmp`, text);
  renameSync(`${target}.tmp`, target);
  return trail;
}

/** The imported trails of which the id begins so. */
export function importedIds(settings: Settings, beginning: string): string[] {
  const folder = folderOf(settings);
  if (!existsSync(folder)) return [];
  const ids = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return ids.map((name) => basename(name, '.json')).filter((id) => id.startsWith(beginning.trim().toLowerCase()));
}

/** @throws CliError when the kept file was changed */
export function importedTrail(settings: Settings, taskId: string): ImportedTrail {
  const path = join(folderOf(settings), `${taskId}.json`);
  return parseTrail(readFileSync(path, 'utf8'), path);
}
