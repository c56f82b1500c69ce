/**
 * One push notification on its way (specification, section 4.3.3). Owns: the request and what its answer means. Does not
 * own: when to send, or to send again (`sender.ts`).
 */

import { request as overHttps } from 'node:https';
import { A2A_CONTENT_TYPE, StreamResponse } from '@a2a-js/sdk';
import { request as overHttp } from '../../../guards/lean-http.ts';
import { ForbiddenAddressError, type PushAddresses } from './address.ts';
import { type SigningKey, signatureHeaders, signsBySecret } from './signature.ts';
import type { PushEntry } from './store.ts';

/** Section 13.2 recommends 10 to 30 seconds. */
const ANSWER_WITHIN_MS = 10_000;

export type Delivery =
  | { readonly kind: 'delivered' }
  /** Trying again may help. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Trying again changes nothing. */
  | { readonly kind: 'refused'; readonly reason: string };

export interface Notification {
  readonly entry: PushEntry;
  readonly event: StreamResponse;
  /** The same whenever this event is told to this config. */
  readonly id: string;
}

/** Follows no redirect: it would lead where nobody checked. */
export function post(
  { entry: { config }, event, id }: Notification,
  { addresses, key }: { readonly addresses: PushAddresses; readonly key: SigningKey },
  signal: AbortSignal,
): Promise<Delivery> {
  let url: URL;
  try {
    url = addresses.parse(config.url);
  } catch (error) {
    if (error instanceof ForbiddenAddressError) return Promise.resolve({ kind: 'refused', reason: error.message });
    throw error;
  }
  const body = JSON.stringify(StreamResponse.toJSON(event));
  const send = url.protocol === 'https:' ? overHttps : overHttp;
  return new Promise((resolve) => {
    const request = send(url, {
      method: 'POST',
      headers: {
        ...headersOf(config, body),
        ...signatureHeaders({ id, body, atMs: Date.now() }, key, config.authentication),
      },
      agent: false,
      lookup: addresses.lookupFor(url),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    request.on('response', (response) => {
      // Its status says all; its body is nobody's business here, and may have no end.
      resolve(meaningOf(response.statusCode ?? 0));
      response.destroy();
    });
    request.on('error', (error) => {
      const kind = error instanceof ForbiddenAddressError ? 'refused' : 'failed';
      resolve({ kind, reason: error.message });
    });
    request.end(body);
  });
}

function headersOf({ token, authentication }: PushEntry['config'], body: string): Record<string, string> {
  return {
    'content-type': A2A_CONTENT_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'agent-mesh',
    ...(token === '' ? {} : { 'x-a2a-notification-token': token }),
    ...(authentication === undefined || signsBySecret(authentication)
      ? {}
      : { authorization: `${authentication.scheme} ${authentication.credentials}`.trim() }),
  };
}

function meaningOf(status: number): Delivery {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const reason = `answered ${status}`;
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return { kind: mayPass ? 'failed' : 'refused', reason };
}
