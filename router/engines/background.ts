/**
 * What the vectors of ordinary queries have in common, for one router model: a file beside it (`../format.md`). Owns: reading
 * and checking it. Does not own: making it (`../training/background.ts`), or what it is used for (`described.ts`).
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export interface Background {
  readonly mean: readonly number[];
  /** The leading ones, each of length 1 and at right angles to the others. */
  readonly directions: readonly (readonly number[])[];
}

const file = z.object({
  /** SHA-256 of the model that it was made with. */
  model: z.string().regex(/^[0-9a-f]{64}$/),
  width: z.int().min(1).max(8192),
  /** The mean, then the directions, row by row: numbers of four bytes, the lowest first, in base64. */
  rows: z.base64(),
});

export const backgroundPath = (modelPath: string): string => modelPath.replace(/\.gguf$/, '.background.json');

/** Null where the model has none, or it is of another width: workflows are then found by wish only. @throws Error that names the file */
export function readBackground(modelPath: string, width: number): Background | null {
  const path = backgroundPath(modelPath);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const read = file.safeParse(jsonOf(text));
  if (!read.success) throw new Error(`${path} is no background of a router model: ${z.prettifyError(read.error)}`);
  const bytes = Buffer.from(read.data.rows, 'base64');
  if (read.data.width !== width || bytes.length === 0 || bytes.length % (4 * width) !== 0) return null;
  const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  const [mean = [], ...directions] = Array.from({ length: numbers.length / width }, (_, row) =>
    numbers.slice(row * width, (row + 1) * width),
  );
  return { mean, directions };
}

/** Undefined for what is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function backgroundText(modelSha256: string, { mean, directions }: Background): string {
  const rows = Buffer.from(Float32Array.from([mean, ...directions].flat()).buffer).toString('base64');
  return `${JSON.stringify({ model: modelSha256, width: mean.length, rows })}\n`;
}
