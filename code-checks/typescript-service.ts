/**
 * One TypeScript language service over a single file in memory.
 * Owns the compiler options, the cached libraries and the rule that nothing but the compiler's own libraries and the
 * Node types is read from the disk. Which diagnostic counts is decided in typescript-check.ts.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import ts from 'typescript';

/** A folder that does not exist, so that no module of this machine is found beside the code. */
const ROOT = '/agent-mesh-check';
export type SourceExtension = '.ts' | '.tsx' | '.js' | '.jsx';

export interface TypeScriptService {
  readonly checker: string;
  /** Whether `process`, `Buffer` and the node: modules have types here. */
  readonly hasNodeTypes: boolean;
  readonly service: ts.LanguageService;
  /** Puts a text in place of the one file; returns its name. */
  open(text: string, extension: SourceExtension): string;
  sourceFile(): ts.SourceFile;
}

function nodeTypesFolder(): string | null {
  try {
    return dirname(createRequire(import.meta.url).resolve('@types/node/package.json'));
  } catch (error) {
    // An install without the types is allowed for: the checks then leave out what needs them.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}

function compilerOptions(nodeTypes: string | null): ts.CompilerOptions {
  return {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    // Every text is a module of its own, so its names never meet the DOM's globals.
    moduleDetection: ts.ModuleDetectionKind.Force,
    lib: ['lib.es2024.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: nodeTypes === null ? [] : ['node'],
    ...(nodeTypes === null ? {} : { typeRoots: [dirname(nodeTypes)] }),
    jsx: ts.JsxEmit.Preserve,
    allowJs: true,
    checkJs: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noUnusedLocals: true,
  };
}

/** Builds the service; the libraries are read on its first use (about a second), later checks take milliseconds. */
export function createTypeScriptService(): TypeScriptService {
  const nodeTypes = nodeTypesFolder();
  const options = compilerOptions(nodeTypes);
  const libraries = [
    dirname(ts.getDefaultLibFilePath(options)),
    ...(nodeTypes === null ? [] : [dirname(dirname(nodeTypes))]),
  ];
  const readable = (path: string): boolean => libraries.some((folder) => path.startsWith(folder));
  let current = { name: `${ROOT}/code.ts`, text: '', version: 0 };

  const host: ts.LanguageServiceHost = {
    getCompilationSettings: () => options,
    getScriptFileNames: () => [current.name],
    getScriptVersion: (name) => (name === current.name ? String(current.version) : '1'),
    getScriptSnapshot: (name) => {
      const text = name === current.name ? current.text : readable(name) ? ts.sys.readFile(name) : undefined;
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => ROOT,
    getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
    fileExists: (name) => name === current.name || (readable(name) && ts.sys.fileExists(name)),
    readFile: (name) => (readable(name) ? ts.sys.readFile(name) : undefined),
    directoryExists: (name) => readable(name) && ts.sys.directoryExists(name),
    getDirectories: (name) => (readable(name) ? ts.sys.getDirectories(name) : []),
  };
  const service = ts.createLanguageService(host, ts.createDocumentRegistry());

  return {
    checker: `typescript@${ts.version}`,
    hasNodeTypes: nodeTypes !== null,
    service,
    open(text, extension) {
      current = { name: `${ROOT}/code${extension}`, text, version: current.version + 1 };
      return current.name;
    },
    sourceFile() {
      const file = service.getProgram()?.getSourceFile(current.name);
      if (file === undefined) throw new Error('The checked file is missing from its own program.');
      return file;
    },
  };
}
