/** The AsyncAPI document: it is one, it has every event, and what it says of an event is what the events themselves say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { facts, journalOnly, requests, submitted } from '../../../schemas/asyncapi.ts';
import { typeOf } from '../../../schemas/events/envelope.ts';
import { eventNames } from '../../../schemas/events/generated.ts';

const schemas = join(import.meta.dirname, '..', '..', '..', 'schemas');
const document = parse(readFileSync(join(schemas, 'asyncapi.yaml'), 'utf8')) as Record<string, never>;
const golden = (name: string) =>
  JSON.parse(readFileSync(join(schemas, 'events', 'golden', `${name}.json`), 'utf8')) as { recipientrole: string };

function validator() {
  const ajv = new Ajv({ strict: false, allErrors: false });
  addFormats.default(ajv);
  return ajv.compile(JSON.parse(readFileSync(join(schemas, 'published', 'asyncapi-3.1.json'), 'utf8')));
}

/** Where all references of a value lead. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => (key === '$ref' ? [String(one)] : references(one)));
}

const at = (path: string): unknown =>
  path
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);

test('it fits the schema of AsyncAPI 3.1, and a document with a misspelt word does not', () => {
  const validate = validator();
  expect(validate(document) ? [] : validate.errors).toEqual([]);
  expect(validate({ ...document, chanels: {} })).toBe(false);
});

test('every reference leads somewhere', () => {
  const all = references(document);
  expect(all.length).toBeGreaterThan(50);
  expect(all.filter((one) => at(one) === undefined)).toEqual([]);
});

describe('its channels', () => {
  test('have every event that leaves a host; the others stay in journals', () => {
    const told = new Set<string>([...submitted, ...facts, ...requests]);
    expect(new Set([...told, ...journalOnly()])).toEqual(new Set(eventNames));
    expect(journalOnly()).toEqual(eventNames.filter((name) => /^(effect|timer)\./.test(name)));
  });

  test.each(eventNames.map((name) => [name]))('say of %s who is told, as its example does', (name) => {
    const { recipientrole } = golden(name);
    // A message between roles is told to its role, and everybody.
    if (name === 'agent.message') expect([facts, requests].every((list) => list.includes(name))).toBe(true);
    else expect(facts.includes(name)).toBe(recipientrole === 'watchers');
  });

  test('have a message for each of their events, with its type', () => {
    for (const name of [...submitted, ...facts, ...requests])
      expect(at(`#/components/messages/${name.replaceAll('.', '-')}`)).toMatchObject({ name: typeOf(name) });
  });
});
