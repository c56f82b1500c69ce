/**
 * Names of languages: one lower-case name per language, the name a prompt asks for, and a guess from source text.
 * Owns the table of aliases. Knows nothing of how a language is checked or written.
 */

const ALIASES: Readonly<Record<string, string>> = {
  ts: 'typescript',
  mts: 'typescript',
  cts: 'typescript',
  js: 'javascript',
  mjs: 'javascript',
  cjs: 'javascript',
  node: 'javascript',
  nodejs: 'javascript',
  ecmascript: 'javascript',
  py: 'python',
  py3: 'python',
  python3: 'python',
  yml: 'yaml',
  json5: 'json5',
  golang: 'go',
  rs: 'rust',
  rb: 'ruby',
  kt: 'kotlin',
  'c++': 'cpp',
  'c#': 'csharp',
  cs: 'csharp',
  sh: 'shell',
  bash: 'shell',
  zsh: 'shell',
  md: 'markdown',
  'shell-session': 'shell',
  shellscript: 'shell',
  kts: 'kotlin',
  'objective-c': 'objc',
  hpp: 'cpp',
  cc: 'cpp',
  cxx: 'cpp',
  h: 'c',
  htm: 'html',
  postgresql: 'sql',
  postgres: 'sql',
  mysql: 'sql',
  sqlite: 'sql',
  plsql: 'sql',
  tsql: 'sql',
  docker: 'dockerfile',
  pl: 'perl',
  ex: 'elixir',
  exs: 'elixir',
};

/** The one lower-case name of a language: `TS` is `typescript`. An unknown name stays, lower-case and trimmed. */
export function languageName(raw: string): string {
  const name = raw.trim().toLowerCase();
  return Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? name) : name;
}

/** Behind a name that is a word or a letter as well. */
const CODE_NOUN = String.raw`(?:function|method|class|struct|enum|protocol|program|script|header|macro|library|module|implementation|file|view|extension|package|table)\b`;

/** Patterns by which a prompt names a programming language; the first that matches wins. */
const PROGRAMMING: readonly (readonly [RegExp, string])[] = [
  [/\btsx\b/i, 'tsx'],
  [/\bjsx\b/i, 'jsx'],
  [/\btype ?script\b|\bts\b|\.ts\b/i, 'typescript'],
  [/\bjava ?script\b|\bnode(?:\.?js)\b|\bjs\b/i, 'javascript'],
  [/\bpython ?3?\b|\.py\b/i, 'python'],
  [/\bgolang\b|\b(?:in|a|using) go\b(?! (?:to|through|over)\b)/i, 'go'],
  [/\brust\b/i, 'rust'],
  [/\bkotlin\b/i, 'kotlin'],
  [/\bjava\b/i, 'java'],
  [/\bc\+\+|\bcpp\b/i, 'cpp'],
  [/\bc#|\bcsharp\b/i, 'csharp'],
  [/\bruby\b/i, 'ruby'],
  [/\bphp\b/i, 'php'],
  [new RegExp(String.raw`\b(?:in|using) swift\b|\ba swift ${CODE_NOUN}`, 'i'), 'swift'],
  [new RegExp(String.raw`\b(?:in|using) c\b(?!\+|#)|\ba c ${CODE_NOUN}`, 'i'), 'c'],
  [/\bbash\b|\bshell script\b/i, 'shell'],
  [/\bsql\b/i, 'sql'],
  [/\bhtml5?\b|\bweb ?page\b/i, 'html'],
  [/\bcss\b|\bstyle ?sheet\b/i, 'css'],
  [/\bscala\b/i, 'scala'],
  [new RegExp(String.raw`\b(?:in|using) lua\b|\ba lua ${CODE_NOUN}`, 'i'), 'lua'],
  [/\belixir\b/i, 'elixir'],
  [/\bzig\b/i, 'zig'],
  [/\bdockerfile\b/i, 'dockerfile'],
  [/\bpower ?shell\b/i, 'powershell'],
  [/\bperl\b/i, 'perl'],
  [/\bhaskell\b/i, 'haskell'],
  [/\bfortran\b/i, 'fortran'],
  [/\bclojure\b/i, 'clojure'],
];

/** Data formats count only when the prompt asks for a document, not for code that reads one. */
const DATA: readonly (readonly [RegExp, string])[] = [
  [/\bjson (?:document|object|example|config\w*|schema)\b|\b(?:in|as) json\b/i, 'json'],
  [/\byaml (?:document|example|config\w*|file|manifest)\b|\b(?:in|as) ya?ml\b/i, 'yaml'],
];
const ASKS_FOR_CODE = /\b(?:function|method|class|script|program|code|helper|module|parser|api)\b/i;

/** A document that is itself what is asked for, whatever it is about. */
const DOCUMENT =
  /^\W*(?:(?:please|can you|could you) )?(?:write|create|make|draft|generate|produce|give me)\s+(?:me )?(?:an? |the )?(?:[\w-]+ ){0,3}?(?:readme|changelog|markdown (?:document|file|page|table|readme))\b(?! (?:parser|generator|script|renderer|converter|linter))/i;

const TRANSLATES =
  /^\W*(?:(?:please|can you|could you) )?(?:translate|convert|port|rewrite|transpile|migrate|turn)\b[^\n]*/i;

/** Markdown where a document is asked for; of a request to translate code the language that it is to be in. */
function targetIn(prompt: string): string | null {
  if (DOCUMENT.test(prompt)) return 'markdown';
  const [request = ''] = TRANSLATES.exec(prompt) ?? [];
  const names = [...request.matchAll(/\b(?:in)?to ([A-Za-z+#]+)/g)].map(([, name = '']) => languageName(name));
  return names.find((name) => PROGRAMMING.some(([, known]) => known === name)) ?? null;
}

/** All programming languages that a prompt names, the likeliest first. */
export function languagesInPrompt(prompt: string): string[] {
  const target = targetIn(prompt);
  if (target !== null) return [target];
  return [...new Set(PROGRAMMING.filter(([pattern]) => pattern.test(prompt)).map(([, name]) => name))];
}

/** The language a prompt asks for, or null when it names none. */
export function languageInPrompt(prompt: string): string | null {
  const target = targetIn(prompt);
  if (target !== null) return target;
  for (const [pattern, name] of PROGRAMMING) if (pattern.test(prompt)) return name;
  if (ASKS_FOR_CODE.test(prompt)) return null;
  for (const [pattern, name] of DATA) if (pattern.test(prompt)) return name;
  return null;
}

function isJson(text: string): boolean {
  const start = text.trimStart()[0];
  if (start !== '{' && start !== '[') return false;
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    // A document with a slip in it is still meant as JSON when its first key is quoted.
    return error instanceof SyntaxError && /^\s*(?:\{\s*"[^"\n]*"\s*:|\[\s*(?:\{\s*"|"|\d|\]))/.test(text);
  }
}

// Only spaces and tabs at a line's start: a class that takes newlines too would read a blank text again at every line.
const PYTHON =
  /^[ \t]*(?:def \w+\s*\(|class \w+[^{;]*:\s*$|from [\w.]+ import |import \w+\s*$|elif |if __name__|print\()/m;
const TYPESCRIPT =
  /^[ \t]*(?:export )?(?:declare )?(?:interface \w+[^;]*\{|type \w+(?:<[^>]*>)? ?=|enum \w+)|[\w)\]?]\s*:\s*(?:string|number|boolean|unknown|void|never|any|Promise<|Record<|readonly )|\bas const\b|\bimport type\b|\b(?:private|readonly|public) \w+/m;
const JAVASCRIPT =
  /^[ \t]*(?:(?:export |async )*function\b|(?:export )?(?:const|let|var) [\w{[]|(?:export )?(?:default )?class \w+|import .* from ['"]|module\.exports|export )|=>\s*[{(\w]|\brequire\(['"]|\bconsole\.\w+\(/m;

/** The language source text is written in, or null when it does not look like code. */
export function guessLanguage(text: string): string | null {
  if (isJson(text)) return 'json';
  if (/^\s*<(?:!doctype html|html)\b/i.test(text)) return 'html';
  const python = PYTHON.test(text) && !/[{;]\s*$/m.test(text);
  if (python) return 'python';
  if (TYPESCRIPT.test(text)) return 'typescript';
  if (JAVASCRIPT.test(text)) return 'javascript';
  return null;
}
