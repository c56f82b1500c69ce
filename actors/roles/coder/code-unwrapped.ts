/**
 * Code out of the frames that models put around it beside fences: a JSON object, HTML tags, a fence around fences, the
 * prompts of an interpreter. Owns: these frames. Does not own: which block is the code (code-reply.ts).
 */
import { jsonObjectsIn } from '../../../prompting/json-reply.ts';

const CODE_FIELDS = ['code', 'source', 'source_code', 'content', 'solution', 'implementation'] as const;
const LANGUAGE_FIELDS = ['language', 'lang'] as const;

/** The reply with its code in plain fences; as it was when it has no such frame. */
export function unwrapped(text: string, asked: string | null): string {
  const inner = withoutOuterFence(text);
  const bare = /^\s*```(?:json)?[ \t]*\n(\{[\s\S]*\})\s*```\s*$/i.exec(inner)?.[1] ?? inner;
  if (/^ {0,3}(?:```|~~~)/m.test(bare)) return inner;
  return (asked === 'json' ? null : fromJson(bare)) ?? (asked === 'html' ? null : fromTags(inner)) ?? inner;
}

/** ```` ```⏎```python … ```⏎``` ````: the outer fence would be closed by the inner one. */
function withoutOuterFence(text: string): string {
  const found = /^(\s*)```(?:markdown|md|text)?[ \t]*\n\s*(```\w[\s\S]*?\n```)\s*\n```\s*$/.exec(text);
  return found?.[2] === undefined ? text : found[2];
}

/** `{"code": "def f(): …", "language": "python"}`, bare or in a fence of JSON. */
function fromJson(text: string): string | null {
  const found = jsonObjectsIn(text).find((one) => CODE_FIELDS.some((key) => typeof one[key] === 'string'));
  if (found === undefined) return null;
  const code = CODE_FIELDS.map((key) => found[key]).find((one) => typeof one === 'string');
  const language = LANGUAGE_FIELDS.map((key) => found[key]).find((one) => typeof one === 'string');
  const around = ['explanation', 'description', 'summary']
    .map((key) => found[key])
    .find((one) => typeof one === 'string');
  if (typeof code !== 'string' || code.trim() === '') return null;
  // Models put a fence into the field as well.
  if (/^\s*```/.test(code)) return code;
  return `\`\`\`\`${typeof language === 'string' ? language : ''}\n${code}\n\`\`\`\`\n${typeof around === 'string' ? around : ''}`;
}

function fromTags(text: string): string | null {
  const [, language = '', code] =
    /<(?:pre><)?code(?:\s+class="(?:language-)?([\w+#-]+)")?[^>]*>\n?([\s\S]*?)<\/code>/i.exec(text) ?? [];
  if (code === undefined || !code.trim().includes('\n')) return null;
  const plain = code
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'");
  return `\`\`\`\`${language}\n${plain.replace(/&amp;/g, '&').trimEnd()}\n\`\`\`\`\n`;
}

/** What was typed into a Python interpreter, without its prompts and what it answered. */
export function withoutPrompts(text: string): string {
  const lines = text.split('\n');
  const first = lines.find((line) => line.trim() !== '') ?? '';
  if (!/^>>> /.test(first)) return text;
  return lines
    .filter((line) => /^(?:>>>|\.\.\.)(?: |$)/.test(line))
    .map((line) => line.slice(4))
    .join('\n');
}

/** Marks by which the languages in use begin a comment; what begins otherwise is code. */
const COMMENT = /^(?:\/\/|#(?!include|define|if|pragma|!|\[)|--|\/\*|\*|<!--|;|%|""")/;

/** Whether nothing stands there but comments: a model's way to say that it wrote nothing. */
export function isCommentAlone(text: string, language: string): boolean {
  if (['markdown', 'yaml', 'toml', 'css', 'json', 'text', 'dockerfile', ''].includes(language)) return false;
  const written = text.split('\n').filter((line) => line.trim() !== '');
  return written.length > 0 && written.every((line) => COMMENT.test(line.trim()));
}
