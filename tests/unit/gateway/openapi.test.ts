/** The OpenAPI document of the gateway's HTTP port: it is one, and it has the routes that are served. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..', '..');
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}
const document = parse(readFileSync(join(root, 'gateway', 'openapi.yaml'), 'utf8')) as Document;

test('it fits the schema of OpenAPI 3.1, and a document with a misspelt word does not', () => {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addFormat('media-range', true);
  const validate = ajv.compile(
    JSON.parse(readFileSync(join(root, 'schemas', 'published', 'openapi-3.1.json'), 'utf8')),
  );
  expect(validate(document) ? [] : validate.errors).toEqual([]);
  expect(validate({ ...document, path: {} })).toBe(false);
});

test('every reference leads somewhere, and every operation has a name of its own', () => {
  const targets = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
  const components = document.components as Readonly<Record<string, Readonly<Record<string, object>>>>;
  expect(targets.length).toBeGreaterThan(20);
  expect(targets.filter(([, kind = '', name = '']) => components[kind]?.[name] === undefined)).toEqual([]);
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test('it has every operation of A2A, in the words of its protocol', () => {
  expect(document.paths['/a2a/rest/message:send']?.post?.operationId).toBe('sendMessage');
  expect(document.paths['/a2a/rest/tasks/{id}:cancel']?.post?.operationId).toBe('cancelTask');
  expect(Object.keys(document.paths['/a2a/rest/tasks/{id}:subscribe'] ?? {}).sort()).toEqual(['get', 'post']);
  expect(document.components.schemas.TaskState).toMatchObject({ enum: expect.arrayContaining(['TASK_STATE_WORKING']) });
  expect(document.components.schemas.Message).toMatchObject({ properties: { messageId: { type: 'string' } } });
});
