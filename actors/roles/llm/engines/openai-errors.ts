/**
 * What a server says when it refuses, in any of the shapes it comes in. Owns: reading error bodies, and telling what will
 * pass by itself from what will not. Does not own: what is done about it (openai-dialect.ts, openai-transport.ts).
 */
import { isRecord } from '../../../../prompting/json-reply.ts';

export interface ServerError {
  readonly message: string;
  /** Of the body: `context_length_exceeded`, `insufficient_quota`; an HTTP status in some; empty when it names none. */
  readonly code: string;
  /** The parameter that was not liked. */
  readonly param: string | null;
}

const MESSAGE_CHARS_MAX = 400;

/** The error in a JSON body, or null when it is none. */
export function errorIn(body: unknown): ServerError | null {
  if (Array.isArray(body)) return errorIn(body[0]);
  if (!isRecord(body)) return null;
  // Beside choices only what is called an error is one.
  if (Array.isArray(body.choices)) return body.error === undefined ? null : errorIn({ error: body.error });
  const isError = body.object === 'error' || body.type === 'error' || body.success === false;
  // A message that is no text is one of a chat.
  const message = isError || body.choices === undefined ? textIn(body.message) : undefined;
  // As GLM's and other servers of China tell it, with 200.
  const inner =
    body.error ??
    body.errors ??
    body.detail ??
    message ??
    textIn(body.msg) ??
    textIn(body.error_msg) ??
    ofAGateway(body);
  if (inner === undefined || inner === null || inner === '' || inner === false || isEmpty(inner)) return null;
  const own = isRecord(inner) ? inner : body;
  const said = `${messageOf(inner) ?? textIn(body.message) ?? ''}${numbersIn(own)}`;
  return {
    message: tidy(said === '' ? 'no reason given' : said),
    code: codeOf([isRecord(own.innererror) ? own.innererror.code : undefined, own.code, own.type, body.code]),
    param: paramOf(own) ?? paramOf(inner),
  };
}

function isEmpty(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}

/** The narrowest that is told: Azure has it inside. */
function codeOf(told: readonly unknown[]): string {
  return told.find((one) => typeof one === 'string' || typeof one === 'number')?.toString() ?? '';
}

/** As gateways and clouds frame it, with 200 as well: MiniMax, Tencent, Apigee, Amazon. */
function ofAGateway({ base_resp: base, Response: response, fault, Message, status, reason }: Record<string, unknown>) {
  if (isRecord(base) && base.status_code !== 0) return textIn(base.status_msg);
  if (isRecord(response) && isRecord(response.Error)) return textIn(response.Error.Message);
  if (isRecord(fault)) return textIn(fault.faultstring);
  return textIn(Message) ?? (status === 'error' ? textIn(reason) : undefined);
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** llama-server tells its numbers beside its words. */
function numbersIn({ n_ctx: context, n_prompt_tokens: prompt }: Record<string, unknown>): string {
  return typeof context === 'number' && typeof prompt === 'number'
    ? ` (n_prompt_tokens ${prompt}, n_ctx ${context})`
    : '';
}

function messageOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    const said = value.map(messageOf).filter((one) => one !== null);
    return said.length === 0 ? null : said.slice(0, 3).join('; ');
  }
  if (!isRecord(value)) return null;
  const text = [value.message, value.msg, value.detail, value.error, value.reason, value.title]
    .map(messageOf)
    .find((one) => one !== null);
  const where = Array.isArray(value.loc) ? `${value.loc.slice(1).join('.')}: ` : '';
  // A router of models hands on what the provider said.
  const raw = isRecord(value.metadata) ? messageOf(parsedOrText(value.metadata.raw)) : null;
  if (text === undefined) return raw ?? byField(value);
  return `${where}${text}${raw === null || raw === text ? '' : ` (${raw})`}`;
}

/** `{"messages": ["must not be empty"]}`: what is said of each field. */
function byField(value: Record<string, unknown>): string | null {
  const said = Object.entries(value).flatMap(([field, one]) =>
    Array.isArray(one) && one.every((part) => typeof part === 'string') ? [`${field}: ${one.join(', ')}`] : [],
  );
  return said.length === 0 ? null : said.slice(0, 3).join('; ');
}

function parsedOrText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    const inner: unknown = JSON.parse(value);
    return errorIn(inner)?.message ?? value;
  } catch (error) {
    if (error instanceof SyntaxError) return value;
    throw error;
  }
}

function paramOf(value: unknown): string | null {
  if (Array.isArray(value)) return paramOf(value[0]);
  if (!isRecord(value)) return null;
  if (typeof value.param === 'string') return value.param;
  const last = Array.isArray(value.loc) ? value.loc.findLast((one) => typeof one === 'string') : undefined;
  return typeof last === 'string' ? last : null;
}

/** The reason in the body of a refusal, whatever it is: JSON, a web page, text. */
export function reasonIn(body: string): ServerError {
  try {
    const error = errorIn(JSON.parse(body));
    if (error !== null) return error;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { message: tidy(textOf(body)) || 'no reason given', code: '', param: null };
}

/** Of a web page its title, else its words; of XML what it calls a message. */
function textOf(body: string): string {
  if (/^\s*<(?!!doctype|html)[\w?]/i.test(body))
    return (/<(message|faultstring|detail)\b[^>]*>([\s\S]*?)<\/\1>/i.exec(body)?.[2] ?? body).replace(/<[^>]*>/g, ' ');
  if (!/<(?:!doctype|html|head|body|h1)\b/i.test(body)) return body;
  const title = /<(title|h1)[^>]*>([\s\S]*?)<\/\1>/i.exec(body)?.[2];
  return (title ?? body.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ')).replace(/<[^>]*>/g, ' ');
}

function tidy(message: string): string {
  return message
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/(?<!\.)\.+$/, '')
    .slice(0, MESSAGE_CHARS_MAX);
}

/** The word is in the message, and no model will be there: it failed, was given up, or is a part of a name. */
const LOADING_ENDED =
  /fail(?:ed|ure)? to load|error loading|could not load|unable to load|\bloading\b.{0,40}\b(?:stopped|aborted|cancell?ed|interrupted|failed)\b|insufficient (?:system )?(?:resources|memory)|out of memory|not found|does not exist|no such/i;

/** The server is up and its model is not yet: worth waiting for. */
export function isLoading({ message, code }: ServerError): boolean {
  if (LOADING_ENDED.test(message)) return false;
  return /\bloading\b|warming up|starting up|(?:still|model|runner|server|engine) (?:is )?(?:still )?starting|not (?:yet )?ready|being (?:loaded|started)|initiali[sz]ing/i.test(
    `${message} ${code}`,
  );
}

/** What its model wrote did not fit the form that the server held it to: asked again it writes the same, at full price. */
function isUnparsed({ message }: ServerError): boolean {
  return /failed to parse (?:input|tool|grammar|the (?:output|response))|error parsing tool call|empty grammar stack|grammar compiler/i.test(
    message,
  );
}

/** Refused for a reason that another try does not change. */
export function isHopeless(error: ServerError): boolean {
  const { message, code } = error;
  return (
    isUnparsed(error) ||
    /insufficient_quota|billing|model_not_found|context_length/i.test(code) ||
    /insufficient_quota|exceeded your current quota|usage limits?|insufficient (?:account )?balance|billing|payment|credit|account (?:is )?(?:suspended|disabled|deactivated)|(?:insufficient|not enough) (?:system )?(?:resources|memory|vram)|system memory|loading\b.{0,40}\b(?:stopped|aborted)|failed to load|error loading|could not load|unable to load|jinja|at row \d+, column|chat template|system role|role not supported|unsupported|not supported|does not (?:exist|support)|not found|unknown model|invalid|unexpected endpoint|model_not_found|context|too many tokens/i.test(
      message,
    )
  );
}

/** Declined for what was asked, before a model saw it. */
export function isDeclined({ message, code }: ServerError): boolean {
  return (
    /content_?filter|content_policy|responsible_?ai|moderation|safety/i.test(code) ||
    /content management policy|content policy|safety system|flagged (?:by|as|for)|requires moderation|violat\w+ .{0,40}polic/i.test(
      message,
    )
  );
}

/** What a key that is refused is told by servers that have no status for it. */
export function isAboutTheKey({ message, code }: ServerError): boolean {
  return /api[ _-]?key (?:is )?(?:not valid|invalid|missing|expired)|(?:invalid|incorrect|missing|expired) api[ _-]?key|invalid_api_key/i.test(
    `${message} ${code}`,
  );
}

/** The model was put aside while nobody asked, and is being fetched again. */
export function isReloading({ message }: ServerError): boolean {
  return (
    !LOADING_ENDED.test(message) &&
    /\bmodel (?:is |was )?(?:still )?(?:being )?(?:loading|unloaded|reloading)\b/i.test(message)
  );
}

/** Of a reply alone, whatever else the sentence speaks of. */
const REPLY_LIMITS: readonly RegExp[] = [
  /max(?:imum)?[_ ](?:completion[_ ]|output[_ ])?tokens\W{0,3}(?:(?:must|should|has to|needs to) be (?:less than or equal to|at most|<=|≤|no (?:more|greater) than)|(?:can ?not|may not|must not) exceed)\W{0,3}(\d+)/i,
  /max_(?:completion_|output_)?tokens\W{0,3}\d+ > (\d+)/i,
  /maximum tokens you requested exceeds the model limit of (\d+)/i,
];

/** The most tokens that a reply may have, where the refusal is about that and names it. */
export function replyLimitIn({ message }: ServerError): number | null {
  return numberIn(withoutSeparators(message), REPLY_LIMITS);
}

/** The prompt and the reply together are too long for the model. */
export function isContextRefusal({ message, code }: ServerError): boolean {
  return /context[_ ]?(?:length|size|window|limit)|exceed_context|n_ctx|too many tokens|prompt is too long|input is too long|maximum (?:context|input|prompt|sequence|number of tokens)|prompt exceeds|input length|max_(?:model_len|seq_len|num_tokens)|reduce the length|tokens \+ `?max_(?:new_)?tokens|context the overflows|tokens? (?:limit|exceed)/i.test(
    `${message} ${code}`,
  );
}

/** Tokens that the model takes and that the prompt had, where the refusal names them. */
export function contextIn({ message }: ServerError): { readonly limit: number | null; readonly prompt: number | null } {
  const text = withoutSeparators(message);
  return {
    limit: numberIn(text, [
      /\d \+ \d+ > (\d+)/,
      /max_(?:model_len|seq_len|num_tokens)[^\d]{0,12}(\d+)/i,
      /length should be \[\d+, ?(\d+)\]/i,
      /(?:maximum|max|available|total) (?:model )?(?:context|prompt) (?:length|size|window)(?: is| of)?(?: only)?(?! by\b)[^\d]{0,12}(\d+)/i,
      /(\d+) (?:tokens? )?(?:maximum |max )(?:context|prompt) (?:length|size|window)/i,
      /context (?:length|size|window)(?: of)?(?: only)?(?: is)?(?! by\b)[^\d]{0,12}(\d+)/i,
      /n_ctx[^\d]{0,6}(\d+)/i,
      /cannot exceed[^\d]{0,30}(\d+)/i,
      /(?:maximum|limit|at most|up to)[^\d]{0,30}(\d+)(?: tokens)?/i,
      /must be <=?\s*(\d+)/i,
      />\s*(\d+)/,
    ]),
    prompt: numberIn(text, [
      /(\d+) (?:tokens )?in (?:the )?(?:messages|prompt|input)/i,
      /prompt contains (\d+) tokens/i,
      /n_prompt_tokens[^\d]{0,6}(\d+)/i,
      /(?:request|prompt|input|message)s? (?:has|have|contains?|is|are|of|resulted in|with|length)(?: at least)? \(?(\d+)/i,
      /request \((\d+) tokens/i,
      /first (\d+) tokens/i,
      /(\d+) (?:input|prompt) tokens/i,
      /given:? (\d+)/i,
    ]),
  };
}

/** `4,096` is `4096`. */
function withoutSeparators(text: string): string {
  return text.replace(/(\d),(?=\d{3}\b)/g, '$1');
}

function numberIn(text: string, patterns: readonly RegExp[]): number | null {
  for (const pattern of patterns) {
    const found = Number(pattern.exec(text)?.[1] ?? 0);
    if (found > 0) return found;
  }
  return null;
}
