/**
 * Reads the JSON Schemas of this folder. Owns: finding them. Does not own: what they mean.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type JsonSchema = { readonly $id: string; readonly title: string } & Readonly<Record<string, unknown>>;

const here = import.meta.dirname;

function read(path: string): JsonSchema {
  return JSON.parse(readFileSync(path, 'utf8')) as JsonSchema;
}

/** The schema of the envelope, of the shared shapes, and of each event's data by its short name (`hop.requested`). */
export function readSchemas(): { envelope: JsonSchema; common: JsonSchema; data: Map<string, JsonSchema> } {
  const data = new Map<string, JsonSchema>();
  for (const file of readdirSync(join(here, 'data')).sort()) {
    if (file === 'common.v1.json') continue;
    data.set(file.replace(/\.v1\.json$/, ''), read(join(here, 'data', file)));
  }
  return { envelope: read(join(here, 'envelope.v1.json')), common: read(join(here, 'data', 'common.v1.json')), data };
}
