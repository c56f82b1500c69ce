/**
 * Describes what travels over NATS as an AsyncAPI 3.1 document: `asyncapi.yaml`. Owns: which events go to which subject.
 * Does not own: the schemas of events (`events/`), which are taken over as they are.
 *
 *   node schemas/asyncapi.ts           writes asyncapi.yaml
 *   node schemas/asyncapi.ts --check   fails where it has drifted
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  BATCH_CONTENT_TYPE,
  EVENT_CONTENT_TYPE,
  type EventName,
  PAYLOAD_MAX_BYTES,
  typeOf,
} from './events/envelope.ts';
import { eventNames } from './events/generated.ts';
import { type JsonSchema, readSchemas } from './events/schema-files.ts';

const target = join(import.meta.dirname, 'asyncapi.yaml');
const golden = join(import.meta.dirname, 'events', 'golden');
const { common, envelope, data } = readSchemas();

/** What anybody may send. */
export const submitted = ['task.submitted', 'task.cancel.requested', 'task.input.provided'] as const;
/** What the mesh tells of a task. */
export const facts = [
  ...['task.accepted', 'task.routed', 'task.completed', 'task.failed', 'task.cancelled', 'loop.advanced'],
  ...['task.input.required', 'task.input.accepted', 'task.input.refused', 'task.input.reminded'],
  ...['hop.started', 'hop.waiting', 'hop.progress', 'hop.finished', 'agent.message'],
] as const satisfies readonly string[] as readonly EventName[];
/** What one host tells an actor of another. */
export const requests = [
  ...['hop.requested', 'hop.replied', 'hop.cancelled', 'llm.requested', 'llm.replied', 'task.over', 'agent.message'],
] as const satisfies readonly string[] as readonly EventName[];

const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });
const messageName = (name: string): string => name.replaceAll('.', '-');
const messagesOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [messageName(name), ref('messages', messageName(name))]));

const parameters = {
  task: { description: 'Correlation id of the task: a UUID in lower case.' },
  role: { description: 'A role, such as coder.' },
  service: { description: 'A service that hosts roles: agents, llm, tools.' },
  partition: { description: 'FNV-1a-32 of the correlation id modulo 8.', enum: [...'01234567'] },
  host: { description: 'Name of a host, base64url.' },
};
type Parameter = keyof typeof parameters;

interface Channel {
  readonly address: string;
  readonly title: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly messages: readonly string[];
  readonly action: 'send' | 'receive';
  readonly summary: string;
}

/** By the word that names channel and operation. Actions are those of the mesh. */
const channels: Readonly<Record<string, Channel>> = {
  tasks: {
    ...{ address: 'mesh.tasks', title: 'Tasks', parameters: [], messages: submitted, action: 'receive' },
    description:
      'Submissions, cancels and answers. Also taken: bare JSON with the fields of the data, bare text (a prompt), and events in the binary mode of CloudEvents. What is refused goes to mesh.quarantine.ingress.',
    summary: 'Takes a task, a cancel, or the answer to a question.',
  },
  doors: {
    ...{ address: 'mesh.tasks.doors', title: 'Tasks of doors', parameters: [], messages: submitted, action: 'receive' },
    description: 'The same from the doors of the mesh, with the caller and the door; nobody else may publish there.',
    summary: 'Takes what a caller of a door asks.',
  },
  facts: {
    ...{ address: 'mesh.events.{task}', title: 'Facts of a task', parameters: ['task'], action: 'send' },
    messages: [...facts, 'facts'],
    description:
      'What happened, for whoever wants to know. One message holds one event, or several as a batch in the order of happening.',
    summary: 'Tells what became of a task, in order; at least once, with the same ids when told again.',
  },
  inbox: {
    ...{ address: 'mesh.in.{role}.{partition}.{task}', title: 'Inbox of a role', messages: requests, action: 'send' },
    parameters: ['role', 'partition', 'task'],
    description: 'Events for an actor that another host runs. Between actors of one host they stay in its journal.',
    summary: 'One actor asks, answers or tells another one.',
  },
  journal: {
    ...{ address: 'mesh.journal.{service}.{partition}', title: 'Journal of a partition', action: 'send' },
    ...{ parameters: ['service', 'partition'], messages: ['record'] },
    description: 'What the actors of a partition were told, in order: one batch a commit, the record itself first.',
    summary: 'Writes down what was told before anything leaves because of it.',
  },
  checkpoint: {
    ...{ address: 'mesh.checkpoint.{service}.{partition}', title: 'Checkpoint of a partition', action: 'send' },
    ...{ parameters: ['service', 'partition'], messages: ['checkpoint'] },
    description: 'What a host on another machine begins with; JSON of the mesh’s own, which may change with a release.',
    summary: 'Keeps what was folded from a journal.',
  },
  quarantine: {
    ...{ address: 'mesh.quarantine.{role}', title: 'Quarantine', parameters: ['role'], messages: ['refused'] },
    ...{ action: 'send', summary: 'Sets aside what cannot be accepted, with the reason.' },
    description: 'Bytes as they came, the reason in the headers; see `mesh quarantine`.',
  },
  tokens: {
    ...{ address: 'mesh.tokens.{task}', title: 'Text as it is generated', parameters: ['task'], messages: ['tokens'] },
    ...{ action: 'send', summary: 'Shows text as it appears.' },
    description: 'Not stored: who is not there misses it. The whole text is in the facts.',
  },
};

const headersOfQuarantine = {
  type: 'object',
  properties: {
    'mesh-code': { type: 'string', description: 'Why, as a stable word.' },
    'mesh-reason': { type: 'string', description: 'Why, as a sentence; percent-encoded where it is not ASCII.' },
    'mesh-origin-subject': { type: 'string' },
    'mesh-origin-seq': { type: 'string', description: 'Where the stream MESH has the message; 0 for none.' },
    'mesh-truncated': { enum: ['true', 'false'] },
  },
};

const otherMessages = {
  facts: {
    title: 'Several facts',
    contentType: BATCH_CONTENT_TYPE,
    payload: { type: 'array', minItems: 2, maxItems: 1024, items: ref('schemas', 'Envelope') },
  },
  record: {
    title: 'A record',
    contentType: BATCH_CONTENT_TYPE,
    description:
      'The first entry has the type dev.agentmesh.journal.record.v1; docs/events.md describes it and the others.',
    payload: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['id', 'type'],
        properties: { id: { type: 'string' }, type: { type: 'string' } },
      },
    },
  },
  checkpoint: {
    title: 'Part of a checkpoint',
    contentType: 'application/json',
    payload: {
      type: 'object',
      required: ['n', 'whole', 'last'],
      properties: {
        n: { type: 'integer', description: 'The record that it reaches to.' },
        whole: { type: 'boolean', description: 'It needs nothing before it.' },
        last: { type: 'boolean', description: 'The set is complete.' },
      },
    },
  },
  refused: { title: 'A refused message', headers: headersOfQuarantine, payload: {} },
  tokens: {
    title: 'Text',
    contentType: 'application/json',
    payload: {
      type: 'object',
      required: ['requestId', 'number', 'text'],
      properties: {
        requestId: { type: 'string' },
        purpose: { type: 'string' },
        attempt: { type: 'integer' },
        number: { type: 'integer', description: 'From 1, without gaps.' },
        text: { type: 'string' },
      },
    },
  },
};

/** A schema of ours as a part of this document: references lead into it. */
function part(schema: object): Record<string, unknown> {
  const local = JSON.stringify(schema)
    .replaceAll(`${common.$id}#/$defs/`, '#/components/schemas/')
    .replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $schema: _draft, $id: _id, $defs: _defs, ...rest } = JSON.parse(local) as Record<string, unknown>;
  return rest;
}

function schemaOf(name: EventName): JsonSchema {
  const schema = data.get(name);
  if (schema === undefined) throw new Error(`no schema for ${name}`);
  return schema;
}

function eventMessage(name: EventName): object {
  const { title, description } = schemaOf(name);
  const example = JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8')) as unknown;
  return {
    name: typeOf(name),
    title: name,
    summary: description,
    contentType: EVENT_CONTENT_TYPE,
    payload: {
      allOf: [
        ref('schemas', 'Envelope'),
        { properties: { type: { const: typeOf(name) }, data: ref('schemas', title) } },
      ],
    },
    examples: [{ payload: example }],
  };
}

function document(): object {
  const told = [...new Set<EventName>([...submitted, ...facts, ...requests])];
  const schemas = Object.entries(part({ defs: (common as { $defs?: object }).$defs }).defs as object);
  return {
    asyncapi: '3.1.0',
    info: {
      title: 'Agent Mesh',
      version: '1.0.0',
      description:
        'What travels over NATS JetStream in a mesh of agents. Events are CloudEvents 1.0; docs/events.md says how to read and write them with the nats command, and how versions change.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: EVENT_CONTENT_TYPE,
    servers: {
      local: {
        ...{ host: '127.0.0.1:4222', protocol: 'nats' },
        description: `The server that \`mesh up\` starts; a message has at most ${PAYLOAD_MAX_BYTES} bytes.`,
      },
    },
    channels: Object.fromEntries(
      Object.entries(channels).map(([name, { parameters: named, messages, action: _a, summary: _s, ...channel }]) => [
        name,
        {
          ...channel,
          ...(named.length === 0 ? {} : { parameters: Object.fromEntries(named.map((one) => [one, parameters[one]])) }),
          messages: messagesOf(messages),
        },
      ]),
    ),
    operations: Object.fromEntries(
      Object.entries(channels).map(([name, { action, summary }]) => [
        `${action}-${name}`,
        { action, channel: { $ref: `#/channels/${name}` }, summary },
      ]),
    ),
    components: {
      messages: {
        ...Object.fromEntries(told.map((name) => [messageName(name), eventMessage(name)])),
        ...otherMessages,
      },
      schemas: {
        Envelope: part(envelope),
        ...Object.fromEntries(schemas),
        ...Object.fromEntries(told.map((name) => [schemaOf(name).title, part(schemaOf(name))])),
      },
    },
  };
}

/** Events that only a journal has, between an actor and its own host. */
export function journalOnly(): EventName[] {
  const told: ReadonlySet<string> = new Set([...submitted, ...facts, ...requests]);
  return eventNames.filter((name) => !told.has(name));
}

if (import.meta.main) {
  const banner = '# Made from the schemas of events by schemas/asyncapi.ts: do not edit.\n';
  const wanted = banner + stringify(document(), { aliasDuplicateObjects: false, lineWidth: 0 });
  if (!process.argv.includes('--check')) writeFileSync(target, wanted);
  else if (readFileSync(target, 'utf8') !== wanted) {
    console.error('schemas/asyncapi.yaml has drifted from the schemas: run `npm run generate`.');
    process.exit(1);
  }
}
