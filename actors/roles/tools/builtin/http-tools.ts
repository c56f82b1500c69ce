/**
 * The HTTP tools: http_get (pure), http_post (repeatable by its idempotency key) and http_post_once (not repeatable).
 * Owns what each failure means for a repetition; sending is http-client.ts.
 */
import { type HttpAnswer, HttpFailure, type HttpOptions, type HttpRequest, sendHttp } from './http-client.ts';
import { defineTool, type Fence, type Tool, type ToolContext, ToolError } from './port.ts';

export interface HttpToolOptions {
  /** Hosts that may be spoken to; see http-client.ts. None by default. */
  readonly allowHosts: readonly string[];
  readonly timeoutMs: number;
}

/** A ToolCall's result holds 200,000 characters. */
const RESULT_CHARS_MAX = 190_000;
const URL_CHARS_MAX = 4000;
const BODY_CHARS_MAX = 100_000;
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

interface PostArguments {
  url: string;
  body?: string;
  contentType?: string;
}

export function httpGetTool(options: HttpToolOptions): Tool {
  return defineTool<{ url: string }>({
    name: 'http_get',
    description: 'Fetches an address by HTTP GET and returns its text, at most 256 KiB. Only allowed hosts.',
    inputSchema: {
      type: 'object',
      properties: { url: { type: 'string', minLength: 1, maxLength: URL_CHARS_MAX } },
      required: ['url'],
      additionalProperties: false,
    },
    fence: 'pure',
    match(prompt) {
      const url = /^(?:please )?(?:http[_ ]?get|get|fetch|download|curl|open)\s+<?(https?:\/\/[^\s>]+)>?\s*$/i.exec(
        prompt.trim(),
      )?.[1];
      return url === undefined ? null : { arguments: { url }, score: 0.95 };
    },
    run: ({ url }, context) => call({ url, method: 'GET', headers: {} }, 'pure', options, context),
  });
}

/** The other side gets the same `Idempotency-Key` for every attempt and acts once. */
export function httpPostTool(options: HttpToolOptions): Tool {
  return postTool('http_post', 'keyed', options, 'The server must honour the Idempotency-Key header.');
}

/** For servers that know no idempotency key: after a crash in the middle a person is asked. */
export function httpPostOnceTool(options: HttpToolOptions): Tool {
  return postTool('http_post_once', 'once', options, 'For servers without idempotency keys: never repeated by itself.');
}

function postTool(name: string, fence: Fence, options: HttpToolOptions, note: string): Tool {
  return defineTool<PostArguments>({
    name,
    description: `Sends a body by HTTP POST and returns the answer's text. Only allowed hosts. ${note}`,
    inputSchema: {
      type: 'object',
      properties: {
        url: { type: 'string', minLength: 1, maxLength: URL_CHARS_MAX },
        body: { type: 'string', nullable: true, maxLength: BODY_CHARS_MAX },
        contentType: {
          type: 'string',
          nullable: true,
          maxLength: 100,
          pattern: '^[\\w!#$&^.+-]+/[\\w!#$&^.+-]+(; ?[\\w=-]+)*$',
        },
      },
      required: ['url'],
      additionalProperties: false,
    },
    fence,
    match: fence === 'keyed' ? postIn : () => null,
    run({ url, body, contentType }, context) {
      const headers: Record<string, string> = { 'content-type': contentType ?? 'application/json' };
      if (fence === 'keyed') headers['idempotency-key'] = context.idempotencyKey;
      return call({ url, method: 'POST', headers, body: body ?? '' }, fence, options, context);
    },
  });
}

/** `POST https://… {"a": 1}`: nothing vaguer, since a post acts. */
function postIn(prompt: string): { arguments: PostArguments & Record<string, unknown>; score: number } | null {
  const found = /^post\s+<?(https?:\/\/[^\s>]+)>?(?:\s+(\{[\s\S]*\}|\[[\s\S]*\]))?\s*$/i.exec(prompt.trim());
  if (found?.[1] === undefined) return null;
  return { arguments: { url: found[1], ...(found[2] === undefined ? {} : { body: found[2] }) }, score: 0.95 };
}

async function call(
  request: HttpRequest,
  fence: Fence,
  options: HttpToolOptions,
  context: ToolContext,
): Promise<string> {
  const httpOptions: HttpOptions = { ...options, signal: context.signal };
  const answer = await sendHttp(request, httpOptions).catch((thrown: unknown) => {
    throw thrown instanceof HttpFailure ? failed(thrown, fence) : thrown;
  });
  if (answer.status >= 200 && answer.status < 300) return textOf(answer);
  const excerpt = answer.body.replace(/\s+/g, ' ').trim().slice(0, 300);
  const message = `${URL.parse(request.url)?.host ?? 'The server'} answered ${answer.status}${excerpt === '' ? '' : `: ${excerpt}`}`;
  throw new ToolError('tool_http_status', message, {
    retryable: fence !== 'once' && RETRYABLE_STATUS.has(answer.status),
  });
}

function failed(failure: HttpFailure, fence: Fence): ToolError {
  if (failure.kind === 'blocked') return new ToolError('tool_host_not_allowed', failure.message, { cause: failure });
  if (fence === 'once' && failure.wasSent) {
    const message = `${failure.message} The request had been sent, so whether it took effect is not known.`;
    return new ToolError('tool_outcome_unknown', message, { cause: failure });
  }
  const code = failure.kind === 'timeout' ? 'tool_timeout' : 'tool_unreachable';
  return new ToolError(code, failure.message, { retryable: true, cause: failure });
}

function textOf(answer: HttpAnswer): string {
  const long = answer.body.length > RESULT_CHARS_MAX;
  const body = long ? answer.body.slice(0, RESULT_CHARS_MAX) : answer.body;
  const note = answer.cut || long ? '\n\n(The answer was longer; this is its beginning.)' : '';
  return body === '' ? `(${answer.status}, no content)` : `${body}${note}`;
}
