/**
 * Looking at files inside the workspace: list_files, read_file, search_files. Owns: limits on size and count, and how
 * binary and huge files are answered. Does not own: what lies inside (workspace.ts).
 */
import { opendir } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { holdsSecret } from '../../../../guards/secrets.ts';
import { defineTool, type Tool, ToolError } from './port.ts';
import { type LookedAt, lookAt, type OpenedFile, openInside, type Workspace } from './workspace.ts';

/** Lines of a listing: more than anybody reads. */
const ENTRIES_MAX = 500;
/** Entries looked at for a listing or a search, also those that are not shown. */
const VISITED_MAX = 20_000;
/** A ToolCall's result holds 200,000 characters. */
const SHOWN_CHARS_MAX = 150_000;
/** A larger file is neither read nor searched. */
const FILE_BYTES_MAX = 5 * 1024 * 1024;
const SEARCHED_BYTES_MAX = 64 * 1024 * 1024;
const MATCHES_MAX = 200;
const LINE_CHARS_MAX = 300;
const SEARCH_MS_MAX = 15_000;
/** As git looks for a NUL byte. */
const BINARY_PROBE_BYTES = 8000;
const PATH = { type: 'string', maxLength: 1000 } as const;

interface Entry {
  /** From the workspace's root. */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

interface Walk {
  readonly entries: Entry[];
  /** What the project keeps to itself, with all that is in it. */
  readonly kept: number;
  /** True when there was more. */
  readonly cut: boolean;
}

/** Everything below a folder, in order of names. Links are named and not followed. */
async function walk(workspace: LookedAt, folder: string, depthMax: number, signal: AbortSignal): Promise<Walk> {
  const entries: Entry[] = [];
  const waiting: { path: string; depth: number }[] = [{ path: folder, depth: 1 }];
  let visited = 0;
  let kept = 0;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    signal.throwIfAborted();
    const here = await readFolder(workspace, next.path, VISITED_MAX - visited);
    visited += here.length;
    for (const entry of here) {
      const reason = await workspace.rules?.reasonOf(entry.path, entry.kind === 'folder' ? 'folder' : 'file');
      if (reason != null) {
        kept += 1;
        continue;
      }
      entries.push(entry);
      if (entry.kind === 'folder' && next.depth < depthMax) waiting.push({ path: entry.path, depth: next.depth + 1 });
    }
    if (visited >= VISITED_MAX) return { entries: sorted(entries), kept, cut: true };
  }
  return { entries: sorted(entries), kept, cut: false };
}

function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function readFolder(workspace: LookedAt, path: string, entriesMax: number): Promise<Entry[]> {
  const opened = await openInside(workspace, path, 'folder');
  try {
    const found: Entry[] = [];
    for await (const entry of await opendir(opened.descriptorPath)) {
      const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other';
      found.push({ path: opened.path === '' ? entry.name : `${opened.path}/${entry.name}`, kind });
      if (found.length >= entriesMax) break;
    }
    return found;
  } finally {
    await opened.handle.close();
  }
}

/** What stands behind a name in a listing. */
const MARKS = { file: '', folder: '/', link: ' (link)', other: ' (not an ordinary file)' } as const;

/** `*` stands for anything but /, `**` for anything, `?` for one character. */
function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/\*\*\/?|[*?]|[\\^$+.()|[\]{}]/g, (sign) => {
    if (sign.startsWith('**')) return '(?:.*)';
    if (sign === '*') return '[^/]*';
    return sign === '?' ? '[^/]' : `\\${sign}`;
  });
  return new RegExp(`^(?:${glob.includes('/') ? '' : '(?:.*/)?'}${source})$`, 'u');
}

function fits(path: string, glob: string | undefined): boolean {
  return glob === undefined || glob === '' || globPattern(glob).test(path);
}

export function listFilesTool(workspace: Workspace): Tool {
  return defineTool<{ path?: string; depth?: number; glob?: string }>({
    name: 'list_files',
    description: 'Lists files and folders of the workspace, or of a folder in it; glob such as *.md filters.',
    inputSchema: {
      type: 'object',
      properties: {
        path: { ...PATH, nullable: true },
        depth: { type: 'integer', minimum: 1, maximum: 20, nullable: true },
        glob: { type: 'string', maxLength: 100, pattern: '^[^*]*(?:\\*{1,2}[^*]*){0,4}$', nullable: true },
      },
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      const path = listedIn(prompt);
      return path === null ? null : { arguments: path === '' ? {} : { path }, score: 0.9 };
    },
    async run({ path, depth, glob }, { signal }) {
      const found = await walk(await lookAt(workspace), path ?? '', depth ?? (glob === undefined ? 1 : 20), signal);
      const wanted = found.entries.filter((entry) => fits(entry.path, glob));
      const kept = found.kept === 0 ? '' : keptNote(found.kept);
      if (wanted.length === 0)
        return [glob === undefined ? '(the folder is empty)' : `(no file fits ${glob})`, kept].join('\n').trimEnd();
      const lines = wanted.slice(0, ENTRIES_MAX).map((entry) => `${shownName(entry.path)}${MARKS[entry.kind]}`);
      if (wanted.length > ENTRIES_MAX) lines.push(`(${wanted.length - ENTRIES_MAX} more are not shown)`);
      if (kept !== '') lines.push(kept);
      if (found.cut) lines.push(`(there are more than ${VISITED_MAX} entries; name a folder to see the others)`);
      return lines.join('\n');
    },
  });
}

function keptNote(kept: number): string {
  return `(${kept} left out: hidden, ignored, secret or made by a tool, as in \`mesh index\`)`;
}

/** A file may have any name, a line break in it too. */
function shownName(path: string): string {
  return path.replaceAll(/[\p{Cc}\p{Cf}]/gu, '\uFFFD');
}

export function readFileTool(workspace: Workspace): Tool {
  return defineTool<{ path: string; startLine?: number; lines?: number }>({
    name: 'read_file',
    description: 'Reads a text file of the workspace, whole or some lines of it (startLine, lines).',
    inputSchema: {
      type: 'object',
      properties: {
        path: { ...PATH, minLength: 1 },
        startLine: { type: 'integer', minimum: 1, nullable: true },
        lines: { type: 'integer', minimum: 1, maximum: 10_000, nullable: true },
      },
      required: ['path'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      const path =
        /^(?:please )?(?:read|show|open|print|cat|display)(?: me)?(?: the)?(?: (?:file|contents? of(?: the file)?))? ["'`]?([\w@.][\w@./ -]*\.\w{1,10})["'`]?[.?]?$/i.exec(
          prompt.trim(),
        )?.[1];
      return path === undefined ? null : { arguments: { path }, score: 0.9 };
    },
    async run({ path, startLine, lines }) {
      const text = await textOf(await lookAt(workspace), path);
      return excerpt(text, startLine ?? 1, lines);
    },
  });
}

/** The text of a file. @throws ToolError for binary and huge files, which are answered and not shown */
async function textOf(workspace: LookedAt, path: string): Promise<string> {
  const opened = await openInside(workspace, path, 'file');
  try {
    const read = await readText(opened);
    if (read.kind === 'no') throw new ToolError('tool_failed', `${opened.path} ${read.why}.`);
    if (!holdsSecret(read.text)) return read.text;
    throw new ToolError('tool_path_refused', `${opened.path} holds a key or a token, so it is not shown.`);
  } finally {
    await opened.handle.close();
  }
}

type Read = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'no'; readonly why: string };

async function readText({ handle, stats }: OpenedFile): Promise<Read> {
  const size = `${(stats.size / 1_048_576).toFixed(1)} MiB`;
  if (stats.size > FILE_BYTES_MAX)
    return { kind: 'no', why: `has ${size}; files up to ${FILE_BYTES_MAX / 1_048_576} MiB are read` };
  // A file may grow while it is read: no more than the limit is taken.
  const buffer = Buffer.alloc(Math.min(stats.size, FILE_BYTES_MAX));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  const bytes = buffer.subarray(0, filled);
  if (bytes.subarray(0, BINARY_PROBE_BYTES).includes(0))
    return { kind: 'no', why: `is binary (${stats.size} bytes), so it is not shown as text` };
  return { kind: 'text', text: new StringDecoder('utf8').end(bytes) };
}

function excerpt(text: string, startLine: number, lines: number | undefined): string {
  if (text === '') return '(the file is empty)';
  const whole = startLine === 1 && lines === undefined;
  if (whole && text.length <= SHOWN_CHARS_MAX) return text;
  const all = text.split('\n');
  if (startLine > all.length) {
    throw new ToolError('tool_bad_arguments', `The file has ${all.length} lines; line ${startLine} is behind its end.`);
  }
  const shown: string[] = [];
  let chars = 0;
  for (const line of all.slice(startLine - 1, lines === undefined ? undefined : startLine - 1 + lines)) {
    chars += line.length + 1;
    if (chars > SHOWN_CHARS_MAX && shown.length > 0) break;
    shown.push(line.slice(0, SHOWN_CHARS_MAX));
  }
  const last = startLine - 1 + shown.length;
  const rest = last < all.length ? `; go on with startLine ${last + 1}` : '';
  return `${shown.join('\n')}\n\n(lines ${startLine} to ${last} of ${all.length}${rest})`;
}

interface SearchArguments {
  query: string;
  path?: string;
  glob?: string;
  caseSensitive?: boolean;
}

export function searchFilesTool(workspace: Workspace): Tool {
  return defineTool<SearchArguments>({
    name: 'search_files',
    description: 'Finds lines with a text in the files of the workspace, or of a folder in it; glob filters the files.',
    inputSchema: {
      type: 'object',
      properties: {
        query: { type: 'string', minLength: 1, maxLength: 500 },
        path: { ...PATH, nullable: true },
        glob: { type: 'string', maxLength: 100, pattern: '^[^*]*(?:\\*{1,2}[^*]*){0,4}$', nullable: true },
        caseSensitive: { type: 'boolean', nullable: true },
      },
      required: ['query'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      const found =
        /^(?:please )?(?:grep|(?:search|look)(?: in)?(?: the| all| my)? (?:files|workspace)(?: for)?|find in files)\s+(?:for )?(["'`])(.+?)\1(?: (?:in|under|inside) (?:the )?["'`]?([\w@.][\w@./-]*)["'`]?)?[.?]?$/i.exec(
          prompt.trim(),
        );
      if (found?.[2] === undefined) return null;
      return { arguments: { query: found[2], ...(found[3] === undefined ? {} : { path: found[3] }) }, score: 0.95 };
    },
    run: (args, { signal }) => search(workspace, args, signal),
  });
}

async function search(workspace: Workspace, args: SearchArguments, signal: AbortSignal): Promise<string> {
  const endsAtMs = performance.now() + SEARCH_MS_MAX;
  const looked = await lookAt(workspace);
  const { entries, kept, cut } = await walk(looked, args.path ?? '', 20, signal);
  const files = entries.filter(({ path, kind }) => kind === 'file' && fits(path, args.glob));
  const counts = { searched: 0, left: 0, bytes: 0 };
  const lines: string[] = [];
  let why = cut ? `more than ${VISITED_MAX} entries` : '';
  for (const { path } of files) {
    signal.throwIfAborted();
    if (performance.now() > endsAtMs) why = `longer than ${SEARCH_MS_MAX / 1000} s`;
    if (counts.bytes > SEARCHED_BYTES_MAX) why = `more than ${SEARCHED_BYTES_MAX / 1_048_576} MiB`;
    if (why !== '') break;
    const text = await textIfAny(looked, path);
    if (text === null) counts.left += 1;
    else {
      counts.searched += 1;
      counts.bytes += text.length;
      lines.push(...linesWith(text, args).map(({ number, line }) => `${shownName(path)}:${number}: ${line}`));
    }
    if (lines.length > MATCHES_MAX) why = `more than ${MATCHES_MAX} lines with it`;
  }
  const notes = [`${counts.searched} files searched`];
  if (counts.left > 0) notes.push(`${counts.left} binary, huge, secret or unreadable ones left out`);
  if (kept > 0) notes.push(`${kept} hidden, ignored, secret or made by a tool left out`);
  if (why !== '') notes.push(`stopped: ${why}`);
  const shown = lines.length === 0 ? ['Nothing found.'] : lines.slice(0, MATCHES_MAX);
  return [...shown, '', `(${notes.join('; ')})`].join('\n');
}

/** Null for what cannot be searched: it may also have gone, or changed, since it was listed. */
async function textIfAny(workspace: LookedAt, path: string): Promise<string | null> {
  try {
    return await textOf(workspace, path);
  } catch (error) {
    if (error instanceof ToolError) return null;
    throw error;
  }
}

function linesWith(text: string, { query, caseSensitive }: SearchArguments): { number: number; line: string }[] {
  const fold = (value: string): string => (caseSensitive === true ? value : value.toLowerCase());
  const wanted = fold(query);
  if (!fold(text).includes(wanted)) return [];
  const found: { number: number; line: string }[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (fold(line).includes(wanted)) found.push({ number: i + 1, line: line.trim().slice(0, LINE_CHARS_MAX) });
    if (found.length > MATCHES_MAX) break;
  }
  return found;
}

const LIST =
  /^(?:please )?(?:(?:list|show|what are)(?: me)?(?: all)?(?: the| my)? (?:files|folders|files and folders|contents?|directory|folder)|ls)(?:(?: (?:in|of|inside|under|from))?(?: the)?(?: folder| directory)? ["'`]?([\w@.][\w@./-]*?)["'`]?(?: folder| directory)?)?[.?]?$/i;

/** The folder whose files a prompt asks for; empty for the workspace itself, null when it asks for something else. */
function listedIn(prompt: string): string | null {
  const found = LIST.exec(prompt.trim());
  if (found === null) return null;
  const folder = found[1] ?? '';
  return /^(?:workspace|here|project)$/i.test(folder) ? '' : folder;
}
