import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { projectRoot } from '../../../config/settings.ts';
import published from '../../../schemas/published/dapr.json' with { type: 'json' };

const resource = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    type: z.string().optional(),
    metadata: z
      .array(z.looseObject({ name: z.string(), value: z.union([z.string(), z.number(), z.boolean()]).optional() }))
      .optional(),
    pubsubname: z.string().optional(),
    routes: z.looseObject({ default: z.string() }).optional(),
    deadLetterTopic: z.string().optional(),
    tracing: z.looseObject({ samplingRate: z.string() }).optional(),
  }),
  scopes: z.array(z.string()).optional(),
});
type Resource = z.output<typeof resource>;

const folder = join(projectRoot, 'dapr');
const files = [...readdirSync(join(folder, 'components')).map((name) => `components/${name}`), 'config.yaml'];
const resources = files.map((file) => ({
  file,
  content: resource.parse(parse(readFileSync(join(folder, file), 'utf8'))),
}));
const kinds: Readonly<Record<string, unknown>> = published.crds;
const fieldsOf: Readonly<
  Record<string, Readonly<Record<string, { type?: string; required?: boolean; allowedValues?: readonly string[] }>>>
> = published.metadata;

/** The schemas of CRDs let unknown keys pass; a mistyped one must not. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const closes = 'properties' in inside && !('additionalProperties' in inside);
  return closes ? { ...inside, additionalProperties: false } : inside;
}

/** `metadata` of the object is Kubernetes' own. */
function crdProblems(one: Resource): unknown[] {
  const schema = kinds[`${one.apiVersion}/${one.kind}`];
  if (schema === undefined) return [`no published schema of ${one.apiVersion} ${one.kind}`];
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(
    z.looseObject({}).parse(closed(schema)),
  );
  return validate(one) ? [] : (validate.errors ?? []);
}

function metadataProblems({ spec }: Resource): string[] {
  const fields = fieldsOf[spec.type ?? ''];
  if (fields === undefined) return [`no published metadata of ${spec.type}`];
  const given = new Map((spec.metadata ?? []).map(({ name, value }) => [name, String(value)]));
  const missing = Object.entries(fields)
    .filter(([name, { required }]) => required === true && !given.has(name))
    .map(([name]) => `${name} is missing`);
  const wrong = [...given].flatMap(([name, value]) => {
    const field = fields[name];
    if (field === undefined) return [`${name} is unknown`];
    if (field.allowedValues !== undefined && !field.allowedValues.includes(value))
      return [`${name}=${value} is not allowed`];
    return field.type === 'number' && !/^\d+$/.test(value) ? [`${name}=${value} is no number`] : [];
  });
  return [...missing, ...wrong];
}

const components = resources.filter(({ content }) => content.kind === 'Component').map(({ content }) => content);
const jetstream = components.filter(({ spec }) => spec.type === 'pubsub.jetstream');
const value = ({ spec }: Resource, name: string): string =>
  String(spec.metadata?.find((one) => one.name === name)?.value ?? '');

describe('dapr/', () => {
  it.each(resources)('$file is what Dapr takes', ({ content }) => {
    expect(crdProblems(content)).toEqual([]);
    if (content.kind === 'Component') expect(metadataProblems(content)).toEqual([]);
  });

  it('a mistyped key, an unknown name and a wrong value are found', () => {
    const [one] = jetstream;
    if (one === undefined) throw new Error('there is no JetStream component');
    const changed = (name: string, text: string): Resource => ({
      ...one,
      spec: { ...one.spec, metadata: [...(one.spec.metadata ?? []), { name, value: text }] },
    });
    expect(crdProblems({ ...one, spec: { ...one.spec, versoin: 'v1' } })).not.toEqual([]);
    expect(metadataProblems(changed('durable', 'x'))).toEqual(['durable is unknown']);
    expect(metadataProblems(changed('deliverPolicy', 'newest'))).toEqual(['deliverPolicy=newest is not allowed']);
    expect(metadataProblems(changed('maxDeliver', 'often'))).toEqual(['maxDeliver=often is no number']);
    expect(metadataProblems({ ...one, spec: { ...one.spec, metadata: [] } })).toContain('natsURL is missing');
  });

  it('has one JetStream component for each subscriber, with names that the server takes', () => {
    const durables = jetstream.map((one) => value(one, 'durableName'));
    expect(new Set(durables).size).toBe(durables.length);
    for (const one of jetstream) {
      expect(value(one, 'durableName')).toMatch(/^[\w-]+$/);
      expect(value(one, 'queueGroupName'), 'two gateways would each get every event').toMatch(/^[\w-]+$/);
      expect(value(one, 'ackWait'), 'a failing event would come again at once').toMatch(/^\d+s$/);
      expect(value(one, 'natsURL'), 'the log of the mesh is not a broker of others').not.toContain('//nats:');
      expect(value(one, 'natsURL'), 'what stands in an address is logged').not.toContain('@');
    }
  });

  it('the subscription leads to the endpoint of the gateway, and what fails has a place', () => {
    const subscription = resources.find(({ content }) => content.kind === 'Subscription')?.content;
    expect(components.map(({ metadata }) => metadata.name)).toContain(subscription?.spec.pubsubname);
    expect(readFileSync(join(projectRoot, 'gateway/dapr/app.ts'), 'utf8')).toContain(
      `'${subscription?.spec.routes?.default}'`,
    );
    expect(subscription?.spec.deadLetterTopic).toBe('mesh.dead');
  });

  it('traces everything', () => {
    const configuration = resources.find(({ content }) => content.kind === 'Configuration')?.content;
    expect(configuration?.spec.tracing?.samplingRate).toBe('1');
  });
});
