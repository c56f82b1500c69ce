/**
 * `mcp.json`: which MCP servers there are. Owns: its form, and errors that name the server and the field. Does not own:
 * connecting. The form is the usual one, so that a file written for an editor works; fields that are not known here are
 * for others and are left alone. One bad entry does not keep the others from working.
 */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readNamed } from '../../guards/named-file.ts';
import { readWrittenJson, WrittenJsonError } from '../../schemas/written-json.ts';

/** Each is a process or a connection of its own. */
const SERVERS_MAX = 32;
/** A server's limit ends a little before that of the step it works for (actors/workflows/tool.json). */
const TIMEOUT_MS_MAX = 110_000;
const TIMEOUT_MS_DEFAULT = 60_000;
const CONCURRENCY_DEFAULT = 4;

interface Common {
  readonly name: string;
  readonly timeoutMs: number;
  readonly concurrencyMax: number;
}

export interface StdioServer extends Common {
  readonly kind: 'stdio';
  readonly command: string;
  readonly args: readonly string[];
  /** Beside the few variables that every child needs (PATH, HOME …); nothing else of this process is passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface HttpServer extends Common {
  readonly kind: 'http';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type ServerConfig = StdioServer | HttpServer;

export interface McpConfig {
  readonly servers: readonly ServerConfig[];
  readonly problems: readonly string[];
  /** Servers that are named and not used, and why not. */
  readonly leftOut: ReadonlyMap<string, string>;
}

const NONE: McpConfig = { servers: [], problems: [], leftOut: new Map() };

const textMap = z.record(z.string(), z.string({ error: 'must be a text' }));
const entrySchema = z.looseObject({
  command: z.string().min(1).optional(),
  args: z.array(z.string({ error: 'must be a text' })).optional(),
  env: textMap.optional(),
  cwd: z.string().min(1).optional(),
  url: z
    .string()
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must start with http:// or https://')
    .optional(),
  headers: textMap.optional(),
  disabled: z.boolean().optional(),
  timeoutMs: z.number().int().min(100).max(TIMEOUT_MS_MAX).optional(),
  concurrency: z.number().int().min(1).max(64).optional(),
});

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the file; a file that is not there means no servers, unless it was named. */
export function readMcpConfig(path: string, wasNamed: boolean, env: Environment = process.env): McpConfig {
  let text: string;
  try {
    text = readNamed(path).toString('utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (code === 'ENOENT' && !wasNamed) return NONE;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    return { ...NONE, problems: [`${path} ${why}; MESH_MCP_CONFIG names it`] };
  }
  return parseMcpConfig(text, path, env);
}

export function parseMcpConfig(text: string, path: string, env: Environment): McpConfig {
  let whole: unknown;
  try {
    whole = readWrittenJson(text);
  } catch (error) {
    if (error instanceof WrittenJsonError) return { ...NONE, problems: [`${path}: ${error.message}`] };
    throw error;
  }
  const shape = z.looseObject({ mcpServers: z.record(z.string(), z.unknown()) }).safeParse(whole);
  if (!shape.success) {
    return { ...NONE, problems: [`${path}: mcpServers must be an object with one entry for each server`] };
  }
  const servers: ServerConfig[] = [];
  const problems: string[] = [];
  const leftOut = new Map<string, string>();
  const leave = (name: string, why: string): void => {
    leftOut.set(name, why);
    problems.push(`${path}: server ${JSON.stringify(name.slice(0, 60))}: ${why}`);
  };
  for (const [name, entry] of Object.entries(shape.data.mcpServers)) {
    const read = readEntry(name, entry, { folder: dirname(path), env });
    if (typeof read === 'string') leave(name, read);
    else if (read === null) leftOut.set(name, 'it is switched off ("disabled": true)');
    else if (servers.length < SERVERS_MAX) servers.push(read);
    else leave(name, `at most ${SERVERS_MAX} servers are used`);
  }
  return { servers, problems, leftOut };
}

/** The server, null when it is switched off, or what is wrong with it. */
function readEntry(
  name: string,
  entry: unknown,
  at: { folder: string; env: Environment },
): ServerConfig | string | null {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(name)) return 'its name must be 1 to 40 letters, digits, - or _';
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    return `${field === '' ? '' : `${field}: `}${issue?.message ?? 'is not valid'}`;
  }
  const { data } = parsed;
  if (data.disabled === true) return null;
  if ((data.command === undefined) === (data.url === undefined))
    return data.command === undefined ? 'command or url is missing' : 'command and url exclude each other';
  try {
    const fill = (text: string, field: string): string => filled(text, field, at.env);
    const fillAll = (map: Readonly<Record<string, string>>, field: string) =>
      Object.fromEntries(Object.entries(map).map(([key, value]) => [key, fill(value, `${field}.${key}`)]));
    const common: Common = {
      name,
      timeoutMs: data.timeoutMs ?? TIMEOUT_MS_DEFAULT,
      concurrencyMax: data.concurrency ?? CONCURRENCY_DEFAULT,
    };
    if (data.url !== undefined) {
      const headers = fillAll(data.headers ?? {}, 'headers');
      checkHeaders(headers);
      const url = fill(data.url, 'url');
      checkUrl(url);
      return { ...common, kind: 'http', url, headers };
    }
    return {
      ...common,
      kind: 'stdio',
      command: fill(data.command ?? '', 'command'),
      args: (data.args ?? []).map((text, i) => fill(text, `args.${i}`)),
      env: fillAll(data.env ?? {}, 'env'),
      cwd: resolve(at.folder, fill(data.cwd ?? '.', 'cwd')),
    };
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/**
 * Whoever sends a header that HTTP does not take says so with its value, which may be a secret (RFC 9110, section 5.5).
 * @throws RangeError without the value
 */
function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new RangeError('headers: a name is none of HTTP');
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value.trim()))
      throw new RangeError(`headers.${name}: its value has characters that a header may not have, such as line breaks`);
  }
}

/**
 * `fetch` takes no address with a password, and says so with the whole of it.
 * @throws RangeError without the value
 */
function checkUrl(text: string): void {
  const url = URL.parse(text);
  if (url === null) throw new RangeError('url: is no address when its variables are filled in');
  if (url.username !== '' || url.password !== '')
    throw new RangeError('url: has a user or a password; write it into headers, such as Authorization');
}

/** `${NAME}` and `${NAME:-otherwise}` stand for variables of the environment, so that no secret need be in the file. */
function filled(text: string, field: string, env: Environment): string {
  return text.replaceAll(/\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g, (_all, name: string, otherwise?: string) => {
    const value = env[name] ?? otherwise;
    if (value === undefined) throw new RangeError(`${field}: the environment has no ${name}`);
    return value;
  });
}
