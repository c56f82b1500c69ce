/**
 * What the SDK's JSON-RPC binding leaves out of an error of the gateway's own. Owns: the reason and the time to wait, in
 * `data` and in `Retry-After`, as the other bindings have them. Does not own: any operation.
 */
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Refusal } from './call.ts';

const bareError = z.looseObject({ error: z.looseObject({ data: z.undefined().optional() }) });

/** @param refusalOf why the call of a request was refused; null when it was not */
export function jsonRpcDialect(refusalOf: (request: Request) => Refusal | null): RequestHandler {
  return (request, response, next) => {
    const json = response.json.bind(response);
    response.json = (body: unknown): Response => {
      const refusal = refusalOf(request);
      const bare = refusal === null ? null : bareError.safeParse(body).data;
      if (refusal === null || bare === null || bare === undefined) return json(body);
      if (refusal.retryAfterMs !== null) setRetryAfter(response, refusal.retryAfterMs);
      return json({ ...bare, error: { ...bare.error, data: [refusal.info] } });
    };
    next();
  };
}

/** RFC 9110, section 10.2.3: whole seconds. */
export function setRetryAfter(response: Response, ms: number): void {
  response.setHeader('Retry-After', String(Math.ceil(ms / 1000)));
}
