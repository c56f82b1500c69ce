/**
 * Where a tab gets its data. Owns: asking the dashboard's process, or, in the demonstration, files of recorded answers.
 * Does not own: what is done with them.
 */
import type { Command, Outcome } from '../../../wire.ts';
import { plain } from '../model/text.ts';

const KEY = 'mesh-demo';
/** What went wrong may repeat what somebody sent. */
const MESSAGE_MAX = 1000;

/** Decided by the address once, and kept by the tab. */
export const isDemo: boolean = (() => {
  if (typeof location === 'undefined') return false;
  const wanted = new URLSearchParams(location.search).get('demo');
  if (wanted !== null) sessionStorage.setItem(KEY, wanted === '0' ? '0' : '1');
  return sessionStorage.getItem(KEY) === '1';
})();

export function leaveDemo(): void {
  sessionStorage.removeItem(KEY);
  location.assign('/');
}

export class AskError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(plain(message, MESSAGE_MAX));
    this.status = status;
  }
}

/** @throws AskError; status 0 when nobody answers */
export async function ask<T>(
  path: string,
  params: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<T> {
  const query = new URLSearchParams(params).toString();
  const url = isDemo ? `/demo/${path}.json` : `/api/${path}${query === '' ? '' : `?${query}`}`;
  let response: Response;
  try {
    response = await fetch(url, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AskError(0, 'the dashboard does not answer');
  }
  if (!response.ok) throw new AskError(response.status, await reasonOf(response));
  return response.json();
}

async function reasonOf(response: Response): Promise<string> {
  if (isDemo) return 'the demonstration has no recording of this';
  const text = await response.text();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text.slice(0, 300);
  }
}

/** Never throws: what went wrong is an outcome too. */
export async function command(order: Command): Promise<Outcome> {
  if (isDemo)
    return { ok: false, code: 'demo', message: 'This is a demonstration with recorded events; nothing is changed.' };
  try {
    const response = await fetch('/api/command', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(order),
    });
    const text = await response.text();
    try {
      const outcome = JSON.parse(text) as Outcome;
      return outcome.ok ? outcome : { ...outcome, message: plain(outcome.message, MESSAGE_MAX) };
    } catch {
      return { ok: false, code: String(response.status), message: plain(text, 300) };
    }
  } catch {
    return {
      ok: false,
      code: 'away',
      message: 'The dashboard does not answer; nothing was sent. Try again in a moment.',
    };
  }
}

/** Of the browser where it can; by hand on a plain address of another machine. */
export function newId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
