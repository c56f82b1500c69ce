/**
 * Cuts one file into chunks by its structure: a pure function of name and text.
 *
 * Owns the choice of chunker and what all of them keep to. Does not read files (`scan.ts`) nor store chunks.
 *
 * 1. Every line that is not blank lies in exactly one chunk, and the chunks are in the order of the file. A line that is
 *    longer than a passage may be is in several, each of which has a piece of it and nothing else.
 * 2. A chunk's text is the file's text from startLine to endLine, line ends written as `\n`.
 */
import { chunkCode } from './chunk-code.ts';
import { type Chunk, splitLines } from './chunk-lines.ts';
import { withoutLongLines } from './chunk-long-lines.ts';
import { chunkMarkdown, chunkText } from './chunk-prose.ts';
import { type FileType, fileTypeOf } from './languages.ts';

export type { Chunk } from './chunk-lines.ts';

export interface ChunkedFile {
  type: FileType;
  chunks: Chunk[];
}

export function chunkFile(path: string, text: string): ChunkedFile {
  const type = fileTypeOf(path);
  const chunks = chunksOf(splitLines(text), type);
  return { type, chunks: chunks.flatMap(withoutLongLines) };
}

function chunksOf(lines: readonly string[], type: FileType): Chunk[] {
  switch (type.kind) {
    case 'markdown':
      return chunkMarkdown(lines);
    case 'text':
      return chunkText(lines);
    case 'code':
      return chunkCode(lines, type.family);
    default:
      throw new Error(`No chunker for ${String(type.kind satisfies never)}`);
  }
}
