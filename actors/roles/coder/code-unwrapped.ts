/**
 * Code out of the frames that models put around it beside fences: JSON, tags, a quotation, a fence around fences. Owns: these
 * frames. Does not own: which block is the code (source-blocks.ts), or what is in its lines (code-lines.ts).
 */
import { isRecord, jsonObjectsIn } from '../../../prompting/json-reply.ts';

const CODE_FIELDS = ['code', 'source', 'source_code', 'content', 'solution', 'implementation'] as const;
const LANGUAGE_FIELDS = ['language', 'lang'] as const;
const PATH_FIELDS = ['path', 'file', 'file_path', 'filename', 'name'] as const;
const FILES_MAX = 30;

/** The reply with its code in plain fences; as it was when it has no such frame. */
export function unwrapped(reply: string, asked: string | null): string {
  const text = fencesApart(unquoted(reply));
  const inner = asked === 'markdown' ? text : withoutOuterFence(text);
  const bare = /^\s*```(?:json)?[ \t]*\n(\{[\s\S]*\})\s*```\s*$/i.exec(inner)?.[1] ?? inner;
  if (/^ {0,3}(?:```|~~~)/m.test(bare)) return inner;
  return (asked === 'json' ? null : fromJson(bare)) ?? (asked === 'html' ? null : fromTags(inner)) ?? inner;
}

/** Fences in a quotation, out of it. */
function unquoted(text: string): string {
  const lines = text.split('\n');
  if (!lines.some((line) => /^> ?(?:```|~~~)/.test(line)) || lines.some((line) => /^(?:```|~~~)/.test(line)))
    return text;
  return lines.map((line) => line.replace(/^> ?/, '')).join('\n');
}

/** A closing fence behind the last line of code, on a line of its own. */
function fencesApart(text: string): string {
  const fences = text.match(/^[ \t]*```/gm)?.length ?? 0;
  return fences % 2 === 1 ? text.replace(/([^`\s])```[ \t]*$/m, '$1\n```') : text;
}

/** A fence of Markdown around fences, which the inner ones would close. */
export function withoutOuterFence(text: string): string {
  const lines = text.trim().split('\n');
  const fence = /^(`{3,}|~{3,})(?:markdown|md|text)?[ \t]*$/.exec(lines[0] ?? '')?.[1];
  if (fence === undefined || lines.at(-1)?.trim() !== fence) return text;
  const inner = lines.slice(1, -1);
  const fences = inner.filter((line) => /^\s*(?:```|~~~)/.test(line));
  return fences.length % 2 === 0 && fences.some((line) => /^\s*(?:```|~~~)\s*\w/.test(line)) ? inner.join('\n') : text;
}

/** `{"code": "def f(): …", "language": "python"}`, files by path, or the call of a tool that writes one. */
function fromJson(text: string): string | null {
  const objects = jsonObjectsIn(text).flatMap(withInner);
  const files = objects.flatMap(filesOf).slice(0, FILES_MAX);
  if (files.length > 0) return files.join('\n');
  const found = objects.find((one) => CODE_FIELDS.some((key) => typeof one[key] === 'string'));
  if (found === undefined) return null;
  const code = firstText(found, CODE_FIELDS);
  const around = firstText(found, ['explanation', 'description', 'summary']);
  if (code.trim() === '') return null;
  // Models put a fence into the field as well.
  if (/^\s*```/.test(code)) return code;
  return `${fenced(firstText(found, LANGUAGE_FIELDS), code)}${around}`;
}

/** The object, and what it gives to a tool. */
function withInner(value: Record<string, unknown>): Record<string, unknown>[] {
  const inner = [value.arguments, value.parameters, value.input].filter(isRecord);
  return [value, ...inner];
}

/** `"files": [{"path", "content"}]` and `"files": {"a.py": "…"}`. */
function filesOf({ files }: Record<string, unknown>): string[] {
  const listed = Array.isArray(files)
    ? files.filter(isRecord).map((one) => [firstText(one, PATH_FIELDS), firstText(one, CODE_FIELDS)] as const)
    : isRecord(files)
      ? Object.entries(files)
      : [];
  return listed.flatMap(([path, code]) =>
    typeof code === 'string' && code.trim() !== '' ? [`**${path}**\n${fenced('', code)}`] : [],
  );
}

function firstText(value: Record<string, unknown>, keys: readonly string[]): string {
  const text = keys.map((key) => value[key]).find((one) => typeof one === 'string');
  return typeof text === 'string' ? text : '';
}

function fenced(language: string, code: string): string {
  return `\`\`\`\`${language}\n${code.replace(/^\n|\s+$/g, '')}\n\`\`\`\`\n`;
}

/** Frames of tags that hold code and say its language, if at all, in their first group. */
const TAGS: readonly RegExp[] = [
  /\[code(?:=([\w+#-]+))?\]\n?([\s\S]*?)\[\/code\]/i,
  /\\begin\{(?:lstlisting|verbatim)\}(?:\[[^\]]*language=([\w+#-]+)[^\]]*\])?\n([\s\S]*?)\\end\{/i,
  /\\begin\{minted\}\{([\w+#-]+)\}\n([\s\S]*?)\\end\{/i,
  /<(?:artifact|ant:?artifact|codeblock|source|solution)\b(?:[^>]*\blanguage="([\w+#-]+)")?[^>]*>\n([\s\S]*?)<\//i,
  /^<(python|typescript|javascript|go|rust|java|sql|bash|shell)>\n([\s\S]*?)^<\/\1>/im,
];
/** As models write a file that were taught the tools of an editor. */
const WRITTEN_FILE =
  /<(write_to_file|create_file|write_file)>\s*<(?:path|file_path)>([^<]+)<\/(?:path|file_path)>\s*<(?:content|file_text)>\n?([\s\S]*?)<\/(?:content|file_text)>/gi;
const FILE_TAG = /<file\b[^>]*?\b(?:path|name)="([^"]+)"[^>]*>\n?([\s\S]*?)<\/file>/gi;

function fromTags(text: string): string | null {
  const tagged = [...text.matchAll(FILE_TAG)].map(([, path = '', code = '']) => [path, code] as const);
  const written = [...text.matchAll(WRITTEN_FILE)].map(([, , path = '', code = '']) => [path.trim(), code] as const);
  const files = [...tagged, ...written].map(([path, code]) => `**${path}**\n${fenced('', code)}`);
  if (files.length > 0) return files.join('\n');
  for (const tag of TAGS) {
    const [, language = '', code] = tag.exec(text) ?? [];
    if (code !== undefined && code.trim() !== '') return fenced(language.toLowerCase(), code);
  }
  const [, language = '', code] =
    /<(?:pre><)?code(?:\s+class="(?:language-)?([\w+#-]+)")?[^>]*>\n?([\s\S]*?)<\/code>/i.exec(text) ?? [];
  if (code === undefined || !code.trim().includes('\n')) return null;
  const plain = code
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'");
  return fenced(language, plain.replace(/&amp;/g, '&'));
}
