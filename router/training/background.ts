/**
 * `node router/training/background.ts`: makes the file beside the shipped router model by which workflows of a user's own are
 * found (`../engines/background.ts`). Owns: which queries it is made of, and the arithmetic. To be run after the model was
 * trained anew; a test holds the file to the model.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufInfo } from '../../gguf-models/gguf.ts';
import { loadLlama } from '../../gguf-models/llama.ts';
import { backgroundPath, backgroundText } from '../engines/background.ts';
import { createEmbeddingHeadPrompt } from '../engines/embedding-head.ts';
import { modelFormat } from '../engines/model-format.ts';

const MODEL = join(import.meta.dirname, '..', 'models', 'router.gguf');
const BANK = join(import.meta.dirname, 'data', 'bank');
/** Of each file of the bank, evenly. */
const QUERIES_OF_A_FILE = 40;
/** With 32 to 64 the development queries come out alike; with 4, those of the routes alone, a third worse. */
const DIRECTIONS = 48;
/** Of power iteration; more change nothing in the sixth digit of the leading ones. */
const ROUNDS = 100;

function queries(): string[] {
  return readdirSync(BANK)
    .sort()
    .flatMap((name) => {
      const lines = readFileSync(join(BANK, name), 'utf8').split('\n').filter(Boolean);
      const step = Math.ceil(lines.length / QUERIES_OF_A_FILE);
      return lines.filter((_, at) => at % step === 0).map((line) => line.replaceAll('\\n', '\n'));
    });
}

function product(rows: readonly Float64Array[], vector: Float64Array): Float64Array {
  return Float64Array.from(rows, (row) => row.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0));
}

/** The directions of the largest variance, the largest first, by power iteration with deflation. */
function leading(vectors: readonly (readonly number[])[], count: number): number[][] {
  const width = vectors[0]?.length ?? 0;
  const covariance = Array.from({ length: width }, () => new Float64Array(width));
  for (const vector of vectors)
    for (const [row, value] of vector.entries())
      for (const [at, other] of vector.entries()) {
        const line = covariance[row];
        if (line !== undefined) line[at] = (line[at] ?? 0) + (value * other) / vectors.length;
      }
  return Array.from({ length: count }, (_, nth) => {
    let direction: Float64Array = Float64Array.from({ length: width }, (_, at) => Math.sin(at * 7 + nth * 13 + 1));
    let size = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const next = product(covariance, direction);
      size = Math.hypot(...next);
      direction = next.map((value) => value / size);
    }
    for (const [row, line] of covariance.entries())
      for (let at = 0; at < width; at += 1)
        line[at] = (line[at] ?? 0) - size * (direction[row] ?? 0) * (direction[at] ?? 0);
    return [...direction];
  });
}

const format = modelFormat(await readGgufInfo(MODEL));
if (format.kind !== 'embedding-head') throw new Error(`${MODEL} makes no vectors`);
const log = { info: () => undefined, warn: console.warn, error: console.error, debug: () => undefined };
const model = await (await loadLlama({ log })).loadModel({ modelPath: MODEL });
const contextSize = format.maxTokens + 8;
const context = await model.createEmbeddingContext({ contextSize, threads: 1, batchSize: contextSize });
const prompt = createEmbeddingHeadPrompt(model, format);
const vectors: number[][] = [];
for (const query of queries()) {
  const vector = await prompt.vectorOf(query, context);
  const length = Math.hypot(...vector);
  vectors.push(vector.map((value) => value / length));
}
const mean = (vectors[0] ?? []).map((_, at) => vectors.reduce((sum, one) => sum + (one[at] ?? 0), 0) / vectors.length);
const centred = vectors.map((vector) => vector.map((value, at) => value - (mean[at] ?? 0)));
const sha256 = createHash('sha256').update(readFileSync(MODEL)).digest('hex');
writeFileSync(backgroundPath(MODEL), backgroundText(sha256, { mean, directions: leading(centred, DIRECTIONS) }));
console.log(`${backgroundPath(MODEL)}: of ${vectors.length} queries`);
await model.dispose();
