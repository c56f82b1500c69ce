/**
 * What one endpoint understands, learned from its own refusals. Owns: the request's body, and which part of it is left
 * out, renamed or made smaller after a refusal. Does not own: sending it (openai-transport.ts).
 *
 * Every adaption takes something away, so that a request is changed a few times at most and then refused for good.
 */

import type { Prompt, PromptBudget } from '../../../../prompting/prompt.ts';
import type { ReplyFormat } from '../../../../prompting/skill.ts';
import { wireName } from '../../../../prompting/tool-choice.ts';
import type { ToolOffer } from '../../../../schemas/events/generated.ts';
import { contextIn, isContextRefusal, replyLimitIn, type ServerError } from './openai-errors.ts';
import type { EngineRequest } from './port.ts';
import { toolChoiceSchema } from './tool-schema.ts';

export interface Dialect {
  /** The name of the limit of the reply; null: the server takes none. */
  readonly limit: 'max_tokens' | 'max_completion_tokens' | null;
  /** The most it may be, where the server said. */
  readonly limitMax: number | null;
  readonly temperature: boolean;
  readonly stream: boolean;
  /** How an answer is held to a form. */
  readonly form: 'json_schema' | 'json_object' | null;
  /** Tool calls by the API's own means. */
  readonly tools: boolean;
  /** Instructions in a message of their own. */
  readonly system: boolean;
  /** Tokens of prompt and reply together; null: not known. */
  readonly contextTokens: number | null;
  /** Characters that a token stands for, at least. */
  readonly charsPerToken: number;
}

export const firstDialect: Dialect = {
  ...{ limit: 'max_tokens', limitMax: null, temperature: true, stream: true, form: 'json_schema', tools: true },
  ...{ system: true, contextTokens: null, charsPerToken: 3 },
};

export interface Sampling {
  readonly maxTokens: number;
  readonly temperature: number;
}

/** Kept free of a context: what marks roles and ends, and what is counted roughly. */
const TOKENS_SPARE = 96;
/** Less text than this is no reply. */
const REPLY_TOKENS_MIN = 128;
/** Smaller than this nothing is worth asking. */
const CONTEXT_TOKENS_MIN = 256;
const CHARS_PER_TOKEN_MIN = 0.4;
/** A refusal that names no number makes the prompt this much smaller. */
const SHRINK = 0.6;

/** Tokens that the reply may have. */
export function replyTokens({ contextTokens, limitMax }: Dialect, maxTokens: number): number {
  const half = contextTokens === null ? maxTokens : Math.floor(contextTokens / 2);
  return Math.min(maxTokens, Math.max(REPLY_TOKENS_MIN, Math.min(half, limitMax ?? maxTokens)));
}

/** What a prompt may be at this endpoint. Characters beyond ASCII count double: they make more tokens. */
export function budgetFor(dialect: Dialect, { maxTokens }: Sampling, charsMax: number): PromptBudget {
  const { contextTokens, charsPerToken } = dialect;
  const room = contextTokens === null ? null : contextTokens - replyTokens(dialect, maxTokens) - TOKENS_SPARE;
  const max = room === null ? charsMax : Math.min(charsMax, Math.floor(Math.max(0, room) * charsPerToken));
  return {
    max,
    unit: 'characters',
    measure: (messages) => messages.reduce((sum, { content }) => sum + weight(content), 0),
  };
}

function weight(text: string): number {
  let more = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) more += 1;
  return text.length + more;
}

/** Whether the choice of a tool is asked for by `tools`. */
export function callsTools(dialect: Dialect, { tools = [] }: EngineRequest): boolean {
  return dialect.tools && tools.length > 0;
}

export function messagesFor({ system }: Dialect, { messages }: Pick<Prompt, 'messages'>): Prompt['messages'] {
  const [first, ...rest] = messages;
  if (system || first?.role !== 'system') return [...messages];
  return rest.map((message, index) =>
    index === 0 ? { ...message, content: `${first.content}\n\n${message.content}` } : message,
  );
}

/** The body of a chat completion. */
export function chatBody(
  dialect: Dialect,
  sampling: Sampling,
  { model, prompt, request }: { readonly model: string; readonly prompt: Prompt; readonly request: EngineRequest },
): Record<string, unknown> {
  return {
    model,
    messages: messagesFor(dialect, prompt),
    ...(dialect.stream ? { stream: true } : {}),
    ...(dialect.limit === null ? {} : { [dialect.limit]: replyTokens(dialect, sampling.maxTokens) }),
    ...(dialect.temperature ? { temperature: sampling.temperature } : {}),
    ...(callsTools(dialect, request) ? { tools: (request.tools ?? []).map(wireTool) } : formOf(dialect, request)),
  };
}

export function wireTool({ name, description, inputSchema }: ToolOffer): object {
  return { type: 'function', function: { name: wireName(name), description, parameters: inputSchema } };
}

/** The schema that a reply is held to, where the request has one. */
export function schemaFor({ skill: { skill }, tools, format }: EngineRequest): ReplyFormat | null {
  // Not strict: arguments differ from tool to tool, and each tool checks its own.
  if (tools !== undefined) return { schema: toolChoiceSchema(tools), strict: false };
  if (format !== undefined) return { schema: format, strict: false };
  return skill.format ?? null;
}

function formOf({ form }: Dialect, request: EngineRequest): Record<string, unknown> {
  const wanted = schemaFor(request);
  if (wanted === null || form === null) return {};
  if (form === 'json_object') return { response_format: { type: 'json_object' } };
  return { response_format: { type: 'json_schema', json_schema: { name: request.skill.name, ...wanted } } };
}

export interface Refusal extends ServerError {
  /** Of HTTP. */
  readonly status: number;
}

/** What was sent, to be changed after a refusal. */
export interface Sent {
  readonly body: Readonly<Record<string, unknown>>;
  readonly promptChars: number;
}

/** The dialect in which the request may be taken; null when nothing in it can be changed. */
export function adapted(dialect: Dialect, error: Refusal, sent: Sent): Dialect | null {
  const { body } = sent;
  const said = `${error.param ?? ''} ${error.message} ${error.code}`;
  const names = (pattern: RegExp): boolean => pattern.test(said);
  if (
    names(/max_completion_tokens/) &&
    body.max_tokens !== undefined &&
    names(/(?:unsupported|not supported|instead|use)/i)
  ) {
    return { ...dialect, limit: 'max_completion_tokens' };
  }
  const replyMax = replyLimitIn(error);
  if (replyMax !== null && replyMax !== dialect.limitMax) return { ...dialect, limitMax: replyMax };
  // Too large a body is too long a prompt.
  if (error.status === 413 || isContextRefusal(error)) return smaller(dialect, error, sent);
  if (names(/max_(?:completion_|output_|new_)?tokens|num_predict|maxOutputTokens/)) {
    const below = /range is from \d+ \(inclusive\) to (\d+) \(exclusive\)/i.exec(said)?.[1];
    if (below !== undefined && Number(below) - 1 !== dialect.limitMax)
      return { ...dialect, limitMax: Number(below) - 1 };
    const most =
      /(?:at most|maximum(?: value)?(?: of| is)?|\bmax\b|cannot exceed|<=|≤|less than or equal to|up to|between \d+ and|range of \w+ (?:is|should be) \[\d+,)\D{0,30}(\d+)/i.exec(
        said.replace(/(\d),(?=\d{3}\b)/g, '$1'),
      )?.[1];
    if (most !== undefined && Number(most) > 0 && Number(most) !== dialect.limitMax)
      return { ...dialect, limitMax: Number(most) };
    if (dialect.limit !== null)
      return { ...dialect, limit: dialect.limit === 'max_completion_tokens' ? 'max_tokens' : null };
  }
  if (names(/temperature|sampling param/i) && dialect.temperature) return { ...dialect, temperature: false };
  if (names(/\bstream/i) && dialect.stream) return { ...dialect, stream: false };
  if (
    names(
      /system role|system messages?|role not supported|roles? must alternate|only user|messages\[\d+\]\.role|support 'system'|['"]system['"]\W{0,3}role|unexpected role|top-level \W?system|role: input should be|(?:developer|system) instructions? (?:is|are) not/i,
    ) &&
    dialect.system
  ) {
    return { ...dialect, system: false };
  }
  if (body.tools !== undefined && names(/\btools?(?:\b|_)|function|jinja|at row \d+, column|failed to parse/i))
    return { ...dialect, tools: false };
  if (body.tools === undefined && names(/response_format|json|schema|grammar|structured|format/i))
    return lessForm(dialect, body);
  // Of a server that hands on to others, none takes all that is asked for.
  return UNCLEAR.has(error.status) || names(/requested parameters/i) ? plain(dialect, body) : null;
}

/** Statuses of a refusal that may be about anything. */
const UNCLEAR: ReadonlySet<number> = new Set([400, 415, 422, 501]);

/** A refusal that names nothing is laid to what few servers know. */
function plain(dialect: Dialect, body: Sent['body']): Dialect | null {
  if (body.tools !== undefined) return { ...dialect, tools: false };
  return isHeld(body) ? { ...dialect, form: null } : null;
}

function lessForm(dialect: Dialect, body: Sent['body']): Dialect | null {
  return isHeld(body) ? { ...dialect, form: dialect.form === 'json_schema' ? 'json_object' : null } : null;
}

function isHeld(body: Sent['body']): boolean {
  return body.response_format !== undefined || body.format !== undefined;
}

function smaller(dialect: Dialect, error: ServerError, { promptChars, body }: Sent): Dialect | null {
  const { limit, prompt } = contextIn(error);
  const reply = Number(body.max_tokens ?? body.max_completion_tokens ?? 0);
  const assumed = dialect.contextTokens ?? Math.ceil(promptChars / dialect.charsPerToken) + reply + TOKENS_SPARE;
  // A server that refuses what it was said to take counts more tokens than were thought.
  const known = limit !== null && limit < assumed ? limit : null;
  const contextTokens = known ?? (limit === assumed ? assumed : Math.floor(assumed * SHRINK));
  const counted = prompt === null || prompt === 0 ? null : Math.max(CHARS_PER_TOKEN_MIN, (promptChars / prompt) * 0.95);
  const charsPerToken = Math.min(
    dialect.charsPerToken * (limit === assumed ? SHRINK : 1),
    counted ?? dialect.charsPerToken,
  );
  return contextTokens < CONTEXT_TOKENS_MIN || charsPerToken < CHARS_PER_TOKEN_MIN
    ? null
    : { ...dialect, contextTokens, charsPerToken };
}
