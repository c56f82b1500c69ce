/**
 * A CloudEvent as Dapr delivers it. Owns: reading it, and the task in its data. Does not own: what becomes of it
 * (`app.ts`). Data is what `nats pub mesh.tasks` takes: a text, or `{"prompt": …}`.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import schema from '../../schemas/cloudevents/cloudevents.json' with { type: 'json' };
import { parseJson, typeOf } from '../../schemas/events/envelope.ts';
import { contentOf } from '../../schemas/events/event-content.ts';
import { MeshError } from '../../task-client/errors.ts';
import type { Submission } from '../../task-client/submissions.ts';

let compiled: ValidateFunction | null = null;

/** By the schema that CloudEvents publishes; compiled for the first event, a start does not wait for it. */
function cloudEventCheck(): ValidateFunction {
  if (compiled === null) {
    const ajv = new Ajv({ allowUnionTypes: true });
    addFormats.default(ajv);
    compiled = ajv.compile(schema);
  }
  return compiled;
}

/** What is read of an event, and its bounds here. */
const eventForm = z.object({
  specversion: z.literal('1.0'),
  id: z.string().max(1024),
  source: z.string().max(1024),
  type: z.string(),
  datacontenttype: z.string().nullish(),
  correlationid: z.string().nullish(),
  traceparent: z.string().optional(),
  data: z.unknown().optional(),
  data_base64: z.string().nullish(),
});

const OUR_TYPES = 'dev.agentmesh.';
const SUBMITTED = typeOf('task.submitted');

export type DaprEvent = z.output<typeof eventForm>;

const taskForm = z.union([
  z.string(),
  z.strictObject({
    prompt: z.string(),
    workflow: z.string().optional(),
    key: z.string().optional(),
    deadlineMs: z.number().optional(),
    priority: z.enum(['high', 'normal', 'low']).optional(),
    waitForModel: z.boolean().optional(),
  }),
]);

export type ParsedEvent =
  | { readonly ok: true; readonly value: DaprEvent }
  | { readonly ok: false; readonly reason: string };

export function parseDaprEvent(text: string): ParsedEvent {
  const json = parseJson(text);
  if (!json.ok) return { ok: false, reason: json.rejection.reason };
  const { value } = json;
  const isCloudEvent = cloudEventCheck();
  if (!isCloudEvent(value)) return { ok: false, reason: `is no CloudEvent: ${explain(isCloudEvent.errors)}` };
  const parsed = eventForm.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, reason: `is no CloudEvent: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim() };
}

function explain(errors: ErrorObject[] | null | undefined): string {
  const { instancePath = '', message = '' } = errors?.[0] ?? {};
  return `${instancePath.slice(1)} ${message}`.trim();
}

/** True for what the mesh itself has written to its log. */
export function isOurs({ type, source }: DaprEvent): boolean {
  return type.startsWith(OUR_TYPES) && source.startsWith('/mesh/');
}

/**
 * Programs publish events of types of their own to be taken as tasks; a type of the mesh's says what is asked, and by Dapr
 * that can only be a task: data of anything else would run as a prompt.
 *
 * @throws MeshError when it asks something else, or its data is no task
 */
export function submissionOf(event: DaprEvent): Submission {
  const { type } = event;
  if (type.startsWith(OUR_TYPES) && type !== SUBMITTED)
    throw new MeshError('invalid_argument', 'NO_TASK', `type: ${type} is not taken by Dapr; tasks are ${SUBMITTED}`);
  const parsed = taskForm.safeParse(dataOf(event));
  if (!parsed.success)
    throw noTask(
      'give a text, or {"prompt": …} with workflow, key, deadlineMs, priority, waitForModel as they are wished',
    );
  // As `mesh.tasks` reads it: the same event by both doors is one task.
  if (typeof parsed.data === 'string') return { prompt: parsed.data.trim() };
  const { prompt, workflow, key, deadlineMs, priority, waitForModel } = parsed.data;
  return {
    prompt,
    ...(key === undefined ? {} : { key }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(deadlineMs === undefined ? {} : { timeLimitMs: deadlineMs }),
    ...(priority === undefined ? {} : { priority }),
    ...(waitForModel === undefined ? {} : { waitForModel }),
  };
}

/**
 * The content as every door reads it. What Dapr does not know as JSON it hands on in a string, and calls that a text: so
 * that word says nothing here.
 */
function dataOf({ data, data_base64: base64, datacontenttype }: DaprEvent): unknown {
  const said = datacontenttype ?? undefined;
  const contentType = said?.startsWith('text/') ? undefined : said;
  const content = contentOf({ contentType, value: data, base64 });
  if (!content.ok) throw noTask(content.rejection.reason);
  return content.value;
}

function noTask(what: string): MeshError {
  return new MeshError('invalid_argument', 'NO_TASK', `data: ${what}`);
}
