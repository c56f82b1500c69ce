/**
 * The two families of failure. Owns: telling retryable from terminal, and turning anything thrown into one of them.
 * Does not own: what is done about it.
 */
import type { ErrorInfo } from '../../schemas/events/generated.ts';

/** Thrown by an effect: `retryable` ones are tried again within their attempts. */
export class EffectError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'EffectError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The host cannot go on: the process ends and is started again. `exitCode` follows the `mesh` command's. */
export class FatalError extends Error {
  readonly exitCode: 1 | 2 | 3;
  constructor(message: string, options: { exitCode?: 1 | 2 | 3; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'FatalError';
    this.exitCode = options.exitCode ?? 1;
  }
}

const MESSAGE_MAX = 2000;
const CODE = /^[a-z][a-z0-9_]{0,63}$/;

/** An effect may throw anything, an object without `toString` too. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Anything thrown, as the error of an event. An error of unknown kind is retryable: most are passing. */
export function toErrorInfo(thrown: unknown): ErrorInfo {
  if (!(thrown instanceof Error))
    return { code: 'unexpected', message: textOf(thrown).slice(0, MESSAGE_MAX), retryable: true };
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code.toLowerCase() : 'unexpected';
  const retryable = 'retryable' in thrown && typeof thrown.retryable === 'boolean' ? thrown.retryable : true;
  return {
    code: CODE.test(code) ? code : 'unexpected',
    message: textOf(thrown.message || thrown.name).slice(0, MESSAGE_MAX),
    retryable,
  };
}
