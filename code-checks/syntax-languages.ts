/**
 * Languages whose syntax can be checked, and the grammars that read them. Owns: the table. Does not own: reading
 * (syntax-check.ts), which loads large modules that the service itself has no use for.
 */

export interface Grammar {
  readonly name: string;
  /** The package that has it, and the file in there. */
  readonly from: string;
  readonly file: string;
  /** It does not know all of the language as it is today. */
  readonly dated?: true;
}

const kept = (name: string): Grammar => ({
  ...{ name, from: '@vscode/tree-sitter-wasm', file: `wasm/tree-sitter-${name}.wasm` },
});
const collected = (name: string): Grammar => ({
  ...{ name, from: 'tree-sitter-wasms', file: `out/tree-sitter-${name}.wasm` },
});
export const GRAMMARS: Readonly<Record<string, Grammar>> = {
  ...{ go: kept('go'), rust: kept('rust'), java: kept('java'), cpp: kept('cpp'), csharp: kept('c-sharp') },
  ...{ shell: kept('bash'), php: kept('php'), ruby: kept('ruby') },
  css: { ...kept('css'), dated: true },
  // It reads no list as an argument: `Select-Object Name, Length`.
  powershell: { ...kept('powershell'), dated: true },
  ...{ c: collected('c'), html: collected('html'), kotlin: collected('kotlin'), swift: collected('swift') },
  ...{ zig: collected('zig'), elixir: collected('elixir') },
  // That of the collection reads the first text of a process right, and no other.
  lua: { name: 'lua', from: '@tree-sitter-grammars/tree-sitter-lua', file: 'tree-sitter-lua.wasm' },
  scala: { ...collected('scala'), dated: true },
};

export function hasSyntaxCheck(language: string): boolean {
  return language === 'sql' || Object.hasOwn(GRAMMARS, language);
}
