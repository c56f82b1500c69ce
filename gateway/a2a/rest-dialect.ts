/**
 * Where the SDK's HTTP+JSON binding and clients in the field disagree. Owns: those differences, applied to the response
 * that the SDK is about to write. Does not own: any operation.
 *
 * - `application/a2a+json` is what the SDK sends; the specification's section 11.1 says `application/json`, and plain
 *   clients look for that. Whoever accepts the former by name still gets it.
 * - Content that is not supported is 415 (section 5.4); the SDK says 400.
 * - An error of the gateway's own has the status of its code (section 11.6, google.rpc.Status); the SDK calls all of them
 *   UNKNOWN. When to come again stands in `Retry-After`, too.
 * - An answer of nothing is `{}` (the JSON form of `google.protobuf.Empty`); the SDK sends 204 with no body at all,
 *   which clients that parse every answer stumble over.
 */
import { A2A_CONTENT_TYPE } from '@a2a-js/sdk';
import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import { statusNameOf } from './errors.ts';
import { setRetryAfter } from './json-rpc-dialect.ts';

const UNSUPPORTED_MEDIA_TYPE = 415;
const JSON_TYPE = 'application/json';

export const restDialect: RequestHandler = (request, response, next) => {
  const wantsA2a = (request.header('accept') ?? '').includes(A2A_CONTENT_TYPE);
  const type = wantsA2a ? A2A_CONTENT_TYPE : JSON_TYPE;
  const json = response.json.bind(response);
  const end = response.end.bind(response);
  response.json = (body: unknown): Response => {
    const { reason, retryAfterMs } = errorInfoOf(body);
    if (reason === 'CONTENT_TYPE_NOT_SUPPORTED') response.status(UNSUPPORTED_MEDIA_TYPE);
    if (retryAfterMs !== null) setRetryAfter(response, retryAfterMs);
    response.type(type);
    return json(named(body));
  };
  response.end = ((...args: Parameters<typeof end>): Response => {
    if (response.statusCode !== 204 || response.headersSent) return end(...args);
    response.status(200).type(type);
    return end('{}');
  }) as typeof response.end;
  next();
};

const errorBody = z.looseObject({
  error: z.looseObject({
    code: z.number(),
    status: z.string(),
    details: z.array(
      z.looseObject({ reason: z.string().optional(), metadata: z.record(z.string(), z.unknown()).optional() }),
    ),
  }),
});

/** What an error as the SDK writes it says of itself; nothing of any other body. */
function errorInfoOf(body: unknown): { readonly reason: string | null; readonly retryAfterMs: number | null } {
  const details = errorBody.safeParse(body).data?.error.details ?? [];
  const after = details.map(({ metadata }) => metadata?.retryAfterMs).find((one) => typeof one === 'string');
  const reason = details.map((detail) => detail.reason).find((one) => one !== undefined);
  return { reason: reason ?? null, retryAfterMs: after === undefined ? null : Number(after) };
}

/** Of an HTTP status that the SDK has no name for. */
function named(body: unknown): unknown {
  const error = errorBody.safeParse(body).data?.error;
  if (error?.status !== 'UNKNOWN') return body;
  return { error: { ...error, status: statusNameOf(error.code) ?? error.status } };
}
