/**
 * Writes `generated.ts` from the JSON Schemas; `--check` only compares, and fails when the two have drifted.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from 'json-schema-to-typescript';
import { readSchemas } from './schema-files.ts';

const target = join(import.meta.dirname, 'generated.ts');
const { envelope, common, data } = readSchemas();

function inline(schema: object): Record<string, unknown> {
  const text = JSON.stringify(schema).replaceAll(`${common.$id}#/$defs/`, '#/$defs/');
  const { $schema: _draft, $id: _id, ...rest } = JSON.parse(text) as Record<string, unknown>;
  // Bounded arrays would become unions of tuples, and Part's oneOf an unreadable intersection:
  // both are the validator's business.
  return JSON.parse(
    JSON.stringify(rest, (key, value) => {
      if (key === 'maxItems' || key === 'minItems' || key === 'oneOf') return undefined;
      return value?.description === 'Any JSON value.' ? { ...value, tsType: 'unknown' } : value;
    }),
  );
}

const all = {
  title: 'AllSchemas',
  type: 'object',
  additionalProperties: false,
  $defs: inline(common).$defs,
  properties: Object.fromEntries([
    ['envelope', inline(envelope)],
    ...[...data].map(([name, schema]) => [name, inline(schema)]),
  ]),
};

const types = await compile(all as never, 'AllSchemas', {
  bannerComment: '/** Generated from the JSON Schemas beside this file by generate.ts: do not edit. */',
  unreachableDefinitions: true,
  additionalProperties: true,
  style: { singleQuote: true, printWidth: 120 },
});
const map = [
  '/** The data of each event by its short name: the type without `dev.agentmesh.` and version. */',
  'export interface DataByName {',
  ...[...data].map(([name, schema]) => `  '${name}': ${schema.title};`),
  '}',
  '',
  'export const eventNames = [',
  ...[...data.keys()].map((name) => `  '${name}',`),
  '] as const;',
  '',
].join('\n');
const wanted = `${types}\n${map}`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== wanted) {
    console.error('schemas/events/generated.ts has drifted from the schemas: run `npm run generate`.');
    process.exit(1);
  }
} else {
  writeFileSync(target, wanted);
}
