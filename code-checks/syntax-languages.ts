/**
 * Languages whose syntax can be checked, and the grammars that read them. Owns: the table. Does not own: reading
 * (syntax-check.ts), which loads large modules that the service itself has no use for.
 */

export interface Grammar {
  readonly file: string;
  readonly from: '@vscode/tree-sitter-wasm/wasm' | 'tree-sitter-wasms/out';
  /** It does not know all of the language as it is today. */
  readonly dated?: true;
}

const kept = (file: string): Grammar => ({ file, from: '@vscode/tree-sitter-wasm/wasm' });
const collected = (file: string): Grammar => ({ file, from: 'tree-sitter-wasms/out' });
export const GRAMMARS: Readonly<Record<string, Grammar>> = {
  ...{ go: kept('go'), rust: kept('rust'), java: kept('java'), cpp: kept('cpp'), csharp: kept('c-sharp') },
  ...{ shell: kept('bash'), php: kept('php'), ruby: kept('ruby'), powershell: kept('powershell') },
  css: { ...kept('css'), dated: true },
  ...{ c: collected('c'), html: collected('html'), kotlin: collected('kotlin'), swift: collected('swift') },
  ...{ zig: collected('zig'), elixir: collected('elixir'), toml: collected('toml') },
  lua: { ...collected('lua'), dated: true },
  scala: { ...collected('scala'), dated: true },
};

export function hasSyntaxCheck(language: string): boolean {
  return language === 'sql' || Object.hasOwn(GRAMMARS, language);
}
