/**
 * What becomes of an effect. Owns: when a failed one is tried again, what its ends are called, and what may pass as a
 * result. Does not own: running it (`effects.ts`), or saying how it ended (`settlement.ts`).
 */
import { hash } from 'node:crypto';
import { backOffMs, spreadMs } from '../../../resilience/back-off.ts';
import { parseJson } from '../../../schemas/events/envelope.ts';
import { EffectError, toErrorInfo } from '../errors.ts';
import type { RuntimeLimits } from '../limits.ts';
import type { EffectHandler, Fence } from '../role.ts';
import { plainCopy } from './plain-copy.ts';
import { EFFECT_RESULT_MAX_BYTES, type Outcome } from './settlement.ts';

/** Deterministic jitter of ±25 %, from the key and the attempt. */
export function backoffMs(key: string, attempt: number, { backoffFirstMs, backoffMaxMs }: RuntimeLimits): number {
  const pauseMs = backOffMs({ firstMs: backoffFirstMs, maxMs: backoffMaxMs }, attempt);
  const random = Number.parseInt(hash('sha256', `${key}/${attempt}`, 'hex').slice(0, 8), 16) / 0xffffffff;
  return Math.round(spreadMs(pauseMs, 0.75, 1.25, random));
}

/** Abort reasons are EffectErrors too, but say nothing about what the effect did. */
export function isAbort(error: EffectError): boolean {
  return error.code === 'timeout' || error.code === 'heartbeat_missed';
}

export function waitedTooLong({ waitMsMax }: RuntimeLimits): EffectError {
  return new EffectError(
    'waited_too_long',
    `it waited ${waitMsMax / 1000} s for its turn, the longest a wait may last`,
  );
}

export function unknownOutcome(message: string): Outcome {
  return { status: 'unknown', error: { code: 'outcome_unknown', message, retryable: false } };
}

/** How this input may be repeated; an input of which the role cannot say it fails before it has run. */
export function fenceOf(handler: EffectHandler, input: unknown): Fence | Outcome {
  if (typeof handler.fence !== 'function') return handler.fence;
  try {
    return handler.fence(input);
  } catch (error) {
    return { status: 'failed', error: { ...toErrorInfo(error), retryable: false } };
  }
}

/**
 * A result has to pass as the data of an event: JSON, not too large, not too deep, without forbidden keys (S8, S9). What
 * passes is what JSON makes of it, so that a machine is told now what it will be told when it is folded again.
 */
export function limited(outcome: Outcome): Outcome {
  if (outcome.status !== 'done') return outcome;
  const failed = (code: string, message: string): Outcome => ({
    status: 'failed',
    error: { code, message, retryable: false },
  });
  const copy = plainCopy(outcome.output, EFFECT_RESULT_MAX_BYTES);
  if (copy !== undefined) return { status: 'done', output: copy };
  let text: string;
  try {
    text = JSON.stringify(outcome.output ?? null);
  } catch (error) {
    return failed('result_not_json', `the result is not JSON: ${toErrorInfo(error).message}`);
  }
  const bytes = text.length * 3 <= EFFECT_RESULT_MAX_BYTES ? text.length : Buffer.byteLength(text);
  if (bytes > EFFECT_RESULT_MAX_BYTES)
    return failed('result_too_large', `the result has ${bytes} bytes; the limit is ${EFFECT_RESULT_MAX_BYTES}`);
  // As deep as it will be in the event that carries it.
  const passes = parseJson(`{"data":{"output":${text}}}`);
  if (!passes.ok) return failed('result_not_allowed', `the result cannot be sent: ${passes.rejection.reason}`);
  const { data } = passes.value as { data: { output: unknown } };
  return { status: 'done', output: data.output };
}

/** A machine that invokes what its role does not have: the effect fails, visibly, in the task. */
export function missing(role: string, src: string): EffectHandler {
  const run = () => Promise.reject(new EffectError('no_such_effect', `the role ${role} has no effect ${src}`));
  return { fence: 'pure', attemptsMax: 1, timeoutMs: 1000, concurrencyMax: 1, queueMax: 10_000, run };
}
