/**
 * Where the SDK's HTTP+JSON binding and clients in the field disagree. Owns: those differences, applied to the response
 * that the SDK is about to write. Does not own: any operation.
 *
 * - `application/a2a+json` is what the SDK sends; the specification's section 11.1 says `application/json`, and plain
 *   clients look for that. Whoever accepts the former by name still gets it.
 * - Content that is not supported is 415 (section 5.4); the SDK says 400.
 * - An answer of nothing is `{}` (the JSON form of `google.protobuf.Empty`); the SDK sends 204 with no body at all,
 *   which clients that parse every answer stumble over.
 */
import { A2A_CONTENT_TYPE } from '@a2a-js/sdk';
import type { RequestHandler, Response } from 'express';

const UNSUPPORTED_MEDIA_TYPE = 415;
const JSON_TYPE = 'application/json';

export const restDialect: RequestHandler = (request, response, next) => {
  const wantsA2a = (request.header('accept') ?? '').includes(A2A_CONTENT_TYPE);
  const type = wantsA2a ? A2A_CONTENT_TYPE : JSON_TYPE;
  const json = response.json.bind(response);
  const end = response.end.bind(response);
  response.json = (body: unknown): Response => {
    if (reasonOf(body) === 'CONTENT_TYPE_NOT_SUPPORTED') response.status(UNSUPPORTED_MEDIA_TYPE);
    response.type(type);
    return json(body);
  };
  response.end = ((...args: Parameters<typeof end>): Response => {
    if (response.statusCode !== 204 || response.headersSent) return end(...args);
    response.status(200).type(type);
    return end('{}');
  }) as typeof response.end;
  next();
};

/** The reason in an error as the SDK writes it; undefined for anything else. */
function reasonOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('details' in error) || !Array.isArray(error.details)) {
    return undefined;
  }
  const details: unknown[] = error.details;
  return details
    .map((detail) => (typeof detail === 'object' && detail !== null && 'reason' in detail ? detail.reason : undefined))
    .find((reason) => reason !== undefined);
}
