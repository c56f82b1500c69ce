/**
 * Describes the HTTP port of the gateway as an OpenAPI 3.1 document: `openapi.yaml`. Owns: the operations that are not
 * A2A's, and how a message of the protocol looks as JSON (ProtoJSON). Does not own: A2A's operations and messages, which are
 * read from its protocol (`third_party/a2a`).
 *
 *   node gateway/openapi.ts           writes openapi.yaml
 *   node gateway/openapi.ts --check   fails where it has drifted
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  getOption,
  type Registry,
  ScalarType,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { stringify } from 'yaml';
import { EVENT_CONTENT_TYPE } from '../schemas/events/envelope.ts';
import { JSON_RPC_PATH, REST_PATH } from './a2a/card.ts';
import { a2aDescriptors } from './a2a/descriptors.ts';

type Json = Readonly<Record<string, unknown>>;

const target = join(import.meta.dirname, 'openapi.yaml');
const MODULE = 'lf.a2a.v1.';
const A2A_JSON = 'application/a2a+json';

const registry = readProtocol();
/** Messages that were met, by their short names; each becomes a schema. */
const met = new Map<string, DescMessage | DescEnum>();

function readProtocol(): Registry {
  const files = [...a2aDescriptors().values()].map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const known = files.filter(({ name }) => name.startsWith('google/protobuf/'));
  const others = files.filter(({ name }) => !name.startsWith('google/protobuf/'));
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...known, ...others] }));
}

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Json, type = 'application/json'): Json => ({ content: { [type]: { schema } } });

/** How values of Google's own types are written in JSON. */
const wellKnown: Readonly<Record<string, Json>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$' },
  'google.protobuf.Struct': { type: 'object' },
  'google.protobuf.Value': { description: 'Any JSON value.' },
  'google.protobuf.ListValue': { type: 'array' },
  'google.protobuf.Empty': { type: 'object', maxProperties: 0 },
};

function named(desc: DescMessage | DescEnum): Json {
  const known = wellKnown[desc.typeName];
  if (known !== undefined) return known;
  const name = desc.typeName.slice(MODULE.length);
  met.set(name, desc);
  return ref(name);
}

function scalar(type: ScalarType): Json {
  switch (type) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return { type: 'string', pattern: '^-?[0-9]+$' };
    default:
      return { type: 'integer' };
  }
}

function fieldSchema(field: DescField): Json {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(field.scalar);
    case 'enum':
      return named(field.enum);
    case 'message':
      return named(field.message);
    case 'list':
      return { type: 'array', items: elementSchema(field, field.listKind) };
    case 'map':
      return { type: 'object', additionalProperties: elementSchema(field, field.mapKind) };
  }
}

function elementSchema(field: DescField & { fieldKind: 'list' | 'map' }, kind: 'scalar' | 'enum' | 'message'): Json {
  if (kind === 'scalar' && field.scalar !== undefined) return scalar(field.scalar);
  const type = field.message ?? field.enum;
  if (type === undefined) throw new RangeError(`${field.parent.typeName}.${field.name} has elements of no known type`);
  return named(type);
}

function typeSchema(desc: DescMessage | DescEnum): Json {
  if (desc.kind === 'enum') return { type: 'string', enum: desc.values.map(({ name }) => name) };
  const properties = Object.fromEntries(desc.fields.map((field) => [field.jsonName, fieldSchema(field)]));
  const choices = desc.oneofs.filter(({ fields }) => fields.length > 1);
  const chosen = choices.map(({ fields }) => ({ oneOf: fields.map(({ jsonName }) => ({ required: [jsonName] })) }));
  return { type: 'object', properties, ...(chosen.length === 0 ? {} : { allOf: chosen }) };
}

interface Rule {
  readonly verb: string;
  readonly path: string;
  readonly hasBody: boolean;
}

/** The route of a method, by the annotation `google.api.http`. */
function ruleOf(method: DescMethod): Rule {
  const extension = registry.getExtension('google.api.http');
  if (extension === undefined) throw new Error('the protocol has lost its annotations');
  const { pattern, body } = getOption(method, extension) as unknown as {
    readonly pattern: { readonly case: string; readonly value: string };
    readonly body: string;
  };
  const path = pattern.value.replaceAll(/\{(\w+)=\*\}/g, '{$1}');
  return { verb: pattern.case, path: `${REST_PATH}${path}`, hasBody: body !== '' };
}

function operation(method: DescMethod, { path, hasBody }: Rule): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const inQuery = hasBody ? [] : method.input.fields.filter(({ name }) => !inPath.includes(name) && name !== 'tenant');
  const parameters = [
    ...inPath.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...inQuery.map((field) => ({ name: field.jsonName, in: 'query', schema: fieldSchema(field) })),
    { $ref: '#/components/parameters/Version' },
  ];
  const streams = method.methodKind === 'server_streaming';
  const answer = streams
    ? {
        ...json({ type: 'string' }, 'text/event-stream'),
        description: `Server-sent events; the data of each is a ${method.output.name}.`,
      }
    : { ...json(named(method.output)), description: 'Done.' };
  if (streams) named(method.output);
  return {
    operationId: method.localName,
    tags: ['A2A'],
    parameters,
    ...(hasBody ? { requestBody: { required: true, ...bodyOf(named(method.input)) } } : {}),
    responses: { 200: answer, default: { $ref: '#/components/responses/Error' } },
  };
}

const bodyOf = (schema: Json): Json => ({ content: { 'application/json': { schema }, [A2A_JSON]: { schema } } });

function a2aPaths(): Record<string, Record<string, Json>> {
  const service = registry.getService(`${MODULE}A2AService`);
  if (service === undefined) throw new Error('the protocol has lost its service');
  const paths: Record<string, Record<string, Json>> = {};
  for (const method of service.methods) {
    const rule = ruleOf(method);
    paths[rule.path] = { ...paths[rule.path], [rule.verb]: operation(method, rule) };
    // The protocol says GET and the specification's text POST: both are served.
    const alsoPost = method.localName === 'subscribeToTask';
    if (alsoPost)
      paths[rule.path] = {
        ...paths[rule.path],
        post: { ...operation(method, rule), operationId: 'subscribeToTaskByPost' },
      };
  }
  return paths;
}

const everybody = { security: [] };

function ownPaths(): Record<string, Record<string, Json>> {
  const rpc = { type: 'object', required: ['jsonrpc', 'method'], properties: rpcProperties() };
  return {
    '/healthz': {
      get: {
        ...{ operationId: 'health', tags: ['Operation'], summary: 'Whether the mesh takes tasks.', ...everybody },
        responses: {
          200: { description: 'It does.', ...json(status({ const: 'ok' })) },
          503: { description: 'It does not, and why.', ...json(status({ type: 'string' })) },
        },
      },
    },
    '/.well-known/agent-card.json': {
      get: {
        ...{ operationId: 'agentCard', tags: ['A2A'], summary: 'What this agent can do, and where.', ...everybody },
        parameters: [{ $ref: '#/components/parameters/Version' }],
        responses: {
          200: {
            description: 'The card.',
            ...json(named(registry.getMessage(`${MODULE}AgentCard`) ?? missing('AgentCard'))),
          },
        },
      },
    },
    [JSON_RPC_PATH]: {
      post: {
        ...{ operationId: 'jsonRpc', tags: ['A2A'], summary: 'The same operations as JSON-RPC 2.0, by their names.' },
        parameters: [{ $ref: '#/components/parameters/Version' }],
        requestBody: { required: true, ...json(rpc) },
        responses: {
          200: { description: 'A result, an error, or server-sent events of them.', ...json({ type: 'object' }) },
        },
      },
    },
    '/dapr/subscribe': {
      get: {
        ...{ operationId: 'daprSubscriptions', tags: ['Dapr'], summary: 'What a Dapr sidecar is to deliver.' },
        responses: {
          200: { description: 'Subscriptions.', ...json({ type: 'array', items: { type: 'object' } }) },
          404: { description: 'Dapr is not set up here.' },
        },
      },
    },
    '/dapr/tasks': {
      post: {
        ...{ operationId: 'daprTask', tags: ['Dapr'], summary: 'Takes a CloudEvent as a task.' },
        requestBody: { required: true, ...json(eventSchema, EVENT_CONTENT_TYPE) },
        responses: {
          200: {
            description: 'SUCCESS: the mesh has it on disk. RETRY: it may have it later. DROP: it never will.',
            ...json(status({ enum: ['SUCCESS', 'RETRY', 'DROP'] })),
          },
          404: { description: 'Dapr is not set up here.' },
          415: { description: 'The content is no JSON by its type.' },
        },
      },
    },
  };
}

function missing(name: string): never {
  throw new Error(`the protocol has lost ${name}`);
}

const status = (schema: Json): Json => ({ type: 'object', required: ['status'], properties: { status: schema } });

function rpcProperties(): Json {
  const service = registry.getService(`${MODULE}A2AService`);
  return {
    jsonrpc: { const: '2.0' },
    id: { type: ['string', 'number', 'null'] },
    method: { enum: service?.methods.map(({ name }) => name) ?? [] },
    params: { type: 'object' },
  };
}

function schemas(): Record<string, Json> {
  const made: Record<string, Json> = {};
  // What a schema refers to is met while it is made.
  for (const [name, desc] of met) made[name] = typeSchema(desc);
  return Object.fromEntries(Object.entries(made).sort(([one], [other]) => (one < other ? -1 : 1)));
}

const eventSchema: Json = {
  description: 'A CloudEvent 1.0 in structured JSON; docs/events.md has the types and their data.',
  type: 'object',
  required: ['specversion', 'id', 'source', 'type'],
  properties: {
    specversion: { const: '1.0' },
    id: { type: 'string', minLength: 1 },
    source: { type: 'string', minLength: 1, format: 'uri-reference' },
    type: { type: 'string', minLength: 1 },
    data: { description: 'The prompt as text, or an object with the fields of a submission.' },
  },
};

const errorSchema: Json = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: {
        code: { type: 'integer', description: 'The HTTP status.' },
        status: { type: 'string', description: 'Of gRPC, such as NOT_FOUND.' },
        message: { type: 'string', description: 'One sentence that says what to do.' },
        details: {
          type: 'array',
          items: { type: 'object' },
          description: 'google.rpc.ErrorInfo with a stable reason.',
        },
      },
    },
  },
};

function document(): object {
  const paths = { ...ownPaths(), ...a2aPaths() };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Agent Mesh gateway',
      version: '1.0.0',
      description:
        'The HTTP port of the gateway: A2A 1.0 as HTTP+JSON and JSON-RPC, the app channel of Dapr, and health. docs/gateway.md and docs/a2a.md describe what stands behind it.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:7444', description: 'As `mesh up` starts it (MESH_HTTP_PORT).' }],
    security: [{}, { bearer: [] }],
    paths,
    components: {
      parameters: {
        Version: {
          ...{ name: 'A2A-Version', in: 'header', schema: { type: 'string' }, example: '1.0' },
          description: 'Version of A2A that the client speaks.',
        },
      },
      responses: { Error: { description: 'What went wrong, and what to do.', ...json(errorSchema) } },
      securitySchemes: {
        bearer: {
          ...{ type: 'http', scheme: 'bearer' },
          description: 'A token of a caller (docs/gateway.md); needed when the gateway has callers.',
        },
      },
      schemas: schemas(),
    },
  };
}

if (import.meta.main) {
  const banner = '# Made from the protocol of A2A by gateway/openapi.ts: do not edit.\n';
  const wanted = banner + stringify(document(), { aliasDuplicateObjects: false, lineWidth: 0 });
  if (!process.argv.includes('--check')) writeFileSync(target, wanted);
  else if (readFileSync(target, 'utf8') !== wanted) {
    console.error('gateway/openapi.yaml has drifted from the protocol: run `npm run generate`.');
    process.exit(1);
  }
}
