/** The schemas are JSON Schema: processes take that for granted, and do not check it at every start. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { readSchemas } from '../../../schemas/events/schema-files.ts';

const { envelope, common, data } = readSchemas();
const schemaAt = (path: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../..', path), 'utf8')) as object;
const weighing = schemaAt('router/weighing.schema.json');
const workflow = schemaAt('actors/workflows/workflow.schema.json');
const ajv = new Ajv2020();

test.each([
  ['envelope', envelope],
  ['common', common],
  ['weighing', weighing],
  ['workflow', workflow],
  ...data,
] as const)('%s fits the meta-schema', (_name, schema) => {
  expect(ajv.validateSchema(schema), ajv.errorsText(ajv.errors)).toBe(true);
});

test('what is no schema does not fit', () => {
  expect(ajv.validateSchema({ ...common, type: 'objekt' })).toBe(false);
});
