/**
 * How long a server that refuses wants to be left alone. Owns: the headers and the words that tell it. Does not own: whether
 * it is waited for (openai-transport.ts).
 */
import type { ServerError } from './openai-errors.ts';

/** The pause that a server asks for, milliseconds: by a header of its kind, or in its words. */
export function retryAfter(headers: Headers, { message }: ServerError): number | undefined {
  const header = headers.get('retry-after');
  if (header !== null && /^\d+(?:\.\d+)?$/.test(header.trim())) return Number(header) * 1000;
  // An HTTP date (RFC 9110, section 10.2.3).
  const date = Date.parse(header ?? '');
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  const inMs = Number(headers.get('retry-after-ms'));
  if (inMs > 0) return inMs;
  const spoken = /(?:try again|retry|wait)[^\d]{0,20}((?:\d+(?:\.\d+)?\s*(?:ms|milli|s|m|h)[a-z]*\s*)+)/i.exec(
    message,
  )?.[1];
  return durationMs(spoken ?? headers.get(`x-ratelimit-reset-${ranOut(headers)}`) ?? '');
}

/** Of what a limit tells there is none left: of requests, unless some are left and tokens are counted as well. */
function ranOut(headers: Headers): 'requests' | 'tokens' {
  const left = (what: string): string | null => headers.get(`x-ratelimit-remaining-${what}`);
  if (left('tokens') === '0') return 'tokens';
  return Number(left('requests') ?? 0) > 0 && headers.has('x-ratelimit-reset-tokens') ? 'tokens' : 'requests';
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, milli: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `6s`, `1m2.5s`, `20 ms`. */
function durationMs(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h)/gi)];
  if (parts.length === 0) return undefined;
  return parts.reduce(
    (sum, [, count = '0', unit = 's']) => sum + Number(count) * (UNIT_MS[unit.toLowerCase()] ?? 0),
    0,
  );
}
