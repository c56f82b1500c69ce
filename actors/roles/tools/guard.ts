/**
 * What stands before every tool: its breaker, its lane and its caps. Owns: how many calls of a tool run and wait, how
 * long one takes, how large its answer is, and which failures say that the tool is not well. Does not own: the tools.
 *
 * 1. One tool that is slow or broken takes no place from the others: each has a lane of its own.
 * 2. A call that is refused, by a full lane or an open breaker, has done nothing and may be made again, whatever its
 *    fence is.
 * 3. A call ends at its time limit even when the tool ignores its signal; what it still does is left behind. The limit
 *    counts from when the call has its place; how long it may wait for one is the runtime's limit of waiting.
 * 4. Callers take turns, each according to its weight.
 */

import type { Breakers } from '../../../resilience/breakers.ts';
import { attribute } from '../../../telemetry/spans.ts';
import { stoppable } from '../../runtime/effects/attempt.ts';
import { createFairQueue, type Share } from '../../runtime/effects/fair-queue.ts';
import { systemClock } from '../../runtime/ports.ts';
import type { EffectContext } from '../../runtime/role.ts';
import { type Fence, type Tool, type ToolAnswer, type ToolCaps, type ToolContext, ToolError } from './builtin/port.ts';

/** For tools that say nothing of their own. A look-up or a request is a matter of seconds. */
const CAPS: ToolCaps = { timeoutMs: 30_000, concurrencyMax: 8, queueMax: 128 };
/** A ToolCall's result holds 200,000 characters (schemas/events/data/common.v1.json). */
const RESULT_CHARS_MAX = 190_000;

export interface GuardedCall extends Omit<ToolContext, 'waits'>, Pick<EffectContext, 'log' | 'span' | 'waits'> {
  /** As it was when the tool was chosen. */
  readonly fence: Fence;
  readonly share: Share;
}

export interface Guard {
  /** @throws ToolError, EffectError `breaker_open`, the signal's reason, or what the tool throws */
  run(tool: Tool, args: unknown, call: GuardedCall): Promise<string | ToolAnswer>;
  /** Calls that run and wait now, of all tools. */
  load(): { readonly running: number; readonly waiting: number };
}

/** The caller's mistakes, and answers of a tool that works: nothing is wrong with the tool. */
const WELL: ReadonlySet<string> = new Set([
  'tool_unknown',
  'tool_bad_arguments',
  'tool_failed',
  'tool_host_not_allowed',
  'tool_redirect_refused',
  'tool_not_configured',
  'tool_not_allowed',
  'tool_path_refused',
  'tool_not_found',
  'breaker_open',
]);
/** Failures that say something about the service behind a tool, and not about the one tool. */
const SERVICE: ReadonlySet<string> = new Set([
  'mcp_unavailable',
  'tool_cut_off',
  'tool_timeout',
  'tool_outcome_unknown',
]);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An answer that is too large is the one tool's, also where nobody knows now what the call did. */
function isOfService(error: unknown): boolean {
  return SERVICE.has(codeOf(error)) && codeOf(error instanceof Error ? error.cause : undefined) !== 'too_large';
}

function wasCancelled(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AttemptCancelled' || error.name === 'AbortError');
}

function isUnwell(error: unknown): boolean {
  if (wasCancelled(error)) return false;
  if (error instanceof ToolError && (error.code === 'tool_http_status' || error.code === 'tool_failed'))
    return error.retryable;
  return !WELL.has(codeOf(error));
}

export function createGuard(breakers: Breakers): Guard {
  const lanes = new Map<string, Lane>();
  const laneOf = (tool: Tool): Lane => {
    const known = lanes.get(tool.name);
    if (known) return known;
    const lane = createLane({ ...CAPS, ...tool.caps });
    lanes.set(tool.name, lane);
    return lane;
  };
  return {
    run(tool, args, call) {
      const { signal, span } = call;
      // Nothing else can do what a tool does, so its caller waits rather than fail.
      const wait = { until: 'turn', waits: call.waits } as const;
      const own = () =>
        breakers.run(`tool:${tool.name}`, () => runInLane(laneOf(tool), tool, args, call), {
          ...{ isFailure: isUnwell, signal, span, wait },
        });
      const { service } = tool;
      if (service === undefined) return own();
      return breakers.run(service, own, { isFailure: isOfService, signal, span, wait });
    },
    load() {
      const all = [...lanes.values()];
      return {
        running: all.reduce((sum, lane) => sum + lane.running, 0),
        waiting: all.reduce((sum, lane) => sum + lane.waiting, 0),
      };
    },
  };
}

async function runInLane(lane: Lane, tool: Tool, args: unknown, call: GuardedCall): Promise<string | ToolAnswer> {
  try {
    const free = await lane.enter(tool.name, call);
    try {
      return await runInTime(tool, args, call);
    } finally {
      free();
    }
  } catch (error) {
    if (!(error instanceof Overtime) && codeOf(error) !== 'tool_overloaded') throw error;
    const why = error instanceof Error ? error.message : String(error);
    call.log.warn({ tool: tool.name, why, ...lane.numbers() }, 'a cap of a tool was reached');
    call.span.set({ [attribute.overload]: why });
    throw error instanceof Overtime ? outOfTime(error, call.fence) : error;
  }
}

async function runInTime(tool: Tool, args: unknown, call: GuardedCall): Promise<string | ToolAnswer> {
  const { timeoutMs } = { ...CAPS, ...tool.caps };
  const overtime = new AbortController();
  const limit = stoppable(systemClock, timeoutMs, () => overtime.abort(new Overtime(timeoutMs)));
  const signal = AbortSignal.any([call.signal, overtime.signal]);
  const waits = (ahead: number | null): void => {
    if (ahead === null) limit.goOn();
    else limit.standStill();
    call.waits(ahead);
  };
  try {
    const { idempotencyKey, heartbeat, share } = call;
    const context = { signal, idempotencyKey, heartbeat, waits, flow: share.flow };
    const answer = await orAborted(tool.run(args, context), signal);
    if (typeof answer === 'string') return shown(tool, answer, call);
    return { ...answer, text: shown(tool, answer.text, call) };
  } finally {
    limit.standStill();
  }
}

/** The tool's own time limit has passed. */
class Overtime extends Error {
  override readonly name = 'Overtime';
  constructor(timeoutMs: number) {
    super(`no result within ${timeoutMs / 1000} s`);
  }
}

function outOfTime(error: Overtime, fence: Fence): ToolError {
  const code = fence === 'once' ? 'tool_outcome_unknown' : 'tool_timeout';
  return new ToolError(code, error.message, { retryable: fence !== 'once', cause: error });
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}

/** An answer that is too large is cut, and says so. */
function shown(tool: Tool, text: string, call: GuardedCall): string {
  if (text.length <= RESULT_CHARS_MAX) return text;
  call.log.warn(
    { tool: tool.name, chars: text.length, charsMax: RESULT_CHARS_MAX },
    'a cap of a tool was reached: its answer is cut',
  );
  call.span.set({ [attribute.overload]: `its answer has ${text.length} characters` });
  return `${text.slice(0, RESULT_CHARS_MAX).toWellFormed()}\n\n(The answer has ${text.length} characters; these are the first ${RESULT_CHARS_MAX}.)`;
}

interface Lane {
  readonly running: number;
  readonly waiting: number;
  /** Resolves with the function that frees the place. @throws ToolError `tool_overloaded`, or the signal's reason */
  enter(tool: string, call: Pick<GuardedCall, 'signal' | 'share' | 'waits'>): Promise<() => void>;
  numbers(): object;
}

function createLane({ concurrencyMax, queueMax }: ToolCaps): Lane {
  let running = 0;
  const queue = createFairQueue<() => void>();
  const free = (): void => {
    running -= 1;
    queue.take()?.();
  };
  const take = (): (() => void) => {
    running += 1;
    return free;
  };
  return {
    get running() {
      return running;
    },
    get waiting() {
      return queue.size;
    },
    numbers: () => ({ running, waiting: queue.size, concurrencyMax, queueMax }),
    async enter(tool, { signal, share, waits }) {
      signal.throwIfAborted();
      if (running < concurrencyMax) return take();
      if (queue.isFull(share, queueMax)) {
        const message = `${tool} takes no more calls: ${running} run and ${queueMax} wait already`;
        throw new ToolError('tool_overloaded', message, { retryable: true });
      }
      return new Promise((resolve, reject) => {
        const aborted = (): void => {
          queue.remove(mine);
          reject(signal.reason);
        };
        const mine = (): void => {
          signal.removeEventListener('abort', aborted);
          waits(null);
          resolve(take());
        };
        queue.add(mine, share);
        waits(queue.ahead(mine));
        signal.addEventListener('abort', aborted, { once: true });
      });
    },
  };
}
