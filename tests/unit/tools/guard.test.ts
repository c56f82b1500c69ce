/**
 * What stands before every tool: each cap is reached for real, and the breaker opens, half-opens and closes. Time is the
 * test's own where the length of a pause matters to the outcome.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Tool, type ToolCaps, ToolError } from '../../../actors/roles/tools/builtin/port.ts';
import { createGuard, type GuardedCall } from '../../../actors/roles/tools/guard.ts';
import { AttemptCancelled } from '../../../actors/runtime/effects/attempt.ts';
import { McpError } from '../../../mcp/client/port.ts';
import { createBreakers } from '../../../resilience/breakers.ts';

/** Of a call that is counted as nobody's. */
const ANYBODY = { flow: '', weight: 1 };

interface Line {
  readonly message: string;
  readonly [field: string]: unknown;
}

function bench() {
  const lines: Line[] = [];
  const attributes: Record<string, unknown> = {};
  const write = (fields: object, message: string): void => {
    lines.push({ ...fields, message });
  };
  const log = { debug: write, info: write, warn: write, error: write };
  const breakers = createBreakers(log);
  const guard = createGuard(breakers);
  const waits: (number | null)[] = [];
  const call = (more: Partial<GuardedCall> = {}): GuardedCall => ({
    ...{ share: ANYBODY, waits: (ahead) => void waits.push(ahead) },
    ...{ signal: new AbortController().signal, idempotencyKey: 'key', heartbeat: () => undefined, log, fence: 'pure' },
    span: { set: (set) => Object.assign(attributes, set) },
    ...more,
  });
  return { guard, breakers, lines, attributes, waits, call, state: () => breakers.states()[0]?.state };
}

function tool(run: Tool['run'], more: { caps?: Partial<ToolCaps>; service?: string } = {}): Tool {
  return {
    name: 'odd',
    description: '',
    inputSchema: {},
    fence: 'pure',
    checkArguments: () => Promise.resolve(),
    run,
    ...more,
  };
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );

/** The call waits for a breaker, without being made, until it is cancelled. */
async function expectToWait({ guard, call, waits }: ReturnType<typeof bench>, held: Tool): Promise<void> {
  const cancelled = new AbortController();
  const run = vi.fn(held.run);
  const from = waits.length;
  const waiting = failure(guard.run({ ...held, run }, {}, call({ signal: cancelled.signal })));
  await vi.advanceTimersByTimeAsync(0);
  expect([waits.slice(from), run.mock.calls]).toEqual([[0], []]);
  cancelled.abort(new AttemptCancelled('enough'));
  expect(await waiting).toBeInstanceOf(AttemptCancelled);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('the breaker opens after five failures, lets calls wait, tries one, and closes', async () => {
  const { guard, call, state, breakers } = bench();
  let calls = 0;
  let broken = true;
  const flaky = tool(() => {
    calls += 1;
    return broken ? Promise.reject(new Error('broken')) : Promise.resolve('well');
  });
  for (let i = 0; i < 5; i += 1)
    expect(await failure(guard.run(flaky, {}, call()))).toMatchObject({ message: 'broken' });
  expect(state()).toBe('open');
  // Half open: one call is let through; it fails, the breaker opens again, and who waited has failed with it.
  const [tried, waited] = [
    failure(guard.run(flaky, {}, call())),
    failure(guard.run(flaky, {}, call({ fence: 'once' }))),
  ];
  await vi.advanceTimersByTimeAsync(9_990);
  expect([calls, state()]).toEqual([5, 'open']);
  await vi.advanceTimersByTimeAsync(20);
  expect(await tried).toMatchObject({ message: 'broken' });
  expect(await waited).toMatchObject({
    code: 'breaker_open',
    retryable: true,
    message: expect.stringContaining('tool:odd is left alone after 6 failures (broken)'),
  });
  expect([calls, state()]).toEqual([6, 'open']);
  broken = false;
  const both = [guard.run(flaky, {}, call()), guard.run(flaky, {}, call({ fence: 'once' }))];
  await vi.advanceTimersByTimeAsync(10_010);
  expect(await Promise.all(both)).toEqual(['well', 'well']);
  expect(breakers.states()).toMatchObject([{ name: 'tool:odd', state: 'closed', failures: 0 }]);
});

test('mistakes of the caller and cancelled calls do not open it', async () => {
  const { guard, call, state } = bench();
  const refuses = tool(() => Promise.reject(new ToolError('tool_bad_arguments', 'no')));
  for (let i = 0; i < 8; i += 1) await failure(guard.run(refuses, {}, call()));
  const waits = tool(
    (_args, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  for (let i = 0; i < 8; i += 1) {
    const controller = new AbortController();
    const cancelled = failure(guard.run(waits, {}, call({ signal: controller.signal })));
    controller.abort(new AttemptCancelled('enough'));
    expect(await cancelled).toBeInstanceOf(AttemptCancelled);
  }
  expect(state()).toBe('closed');
});

describe('the cap on time', () => {
  const hangs = tool(() => new Promise(() => undefined), { caps: { timeoutMs: 1000 } });

  test('a tool that ignores its signal is left behind', async () => {
    const { guard, call, lines, attributes } = bench();
    const ended = failure(guard.run(hangs, {}, call()));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await ended).toMatchObject({ code: 'tool_timeout', retryable: true, message: 'no result within 1 s' });
    expect(lines).toContainEqual(
      expect.objectContaining({ message: 'a cap of a tool was reached', tool: 'odd', why: 'no result within 1 s' }),
    );
    expect(attributes).toEqual({ 'mesh.overload.reason': 'no result within 1 s' });
    expect(guard.load()).toEqual({ running: 0, waiting: 0 });
  });

  test('S6: for a tool that may not be repeated nobody knows', async () => {
    const { guard, call } = bench();
    const ended = failure(guard.run(hangs, {}, call({ fence: 'once' })));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await ended).toMatchObject({ code: 'tool_outcome_unknown', retryable: false });
  });

  test('it trips the breaker', async () => {
    const { guard, call, state } = bench();
    const all = Array.from({ length: 5 }, () => failure(guard.run(hangs, {}, call())));
    await vi.advanceTimersByTimeAsync(1000);
    await Promise.all(all);
    expect(state()).toBe('open');
  });
});

describe('the cap on calls', () => {
  test('so many run, so many wait in order, the next are refused and trip the breaker; those that wait still run', async () => {
    const all = bench();
    const { guard, call, lines, attributes, state } = all;
    const begun: number[] = [];
    const free: (() => void)[] = [];
    const slow = tool(
      (args) => {
        begun.push(Number(args));
        return new Promise((resolve) => free.push(() => resolve(`done ${String(args)}`)));
      },
      { caps: { concurrencyMax: 2, queueMax: 3 } },
    );
    const taken = Array.from({ length: 5 }, (_, i) => guard.run(slow, i, call()));
    await vi.advanceTimersByTimeAsync(0);
    expect(guard.load()).toEqual({ running: 2, waiting: 3 });
    for (let i = 0; i < 5; i += 1) {
      expect(await failure(guard.run(slow, 9, call({ fence: 'once' })))).toMatchObject({
        code: 'tool_overloaded',
        retryable: true,
      });
    }
    expect(attributes).toEqual({ 'mesh.overload.reason': 'odd takes no more calls: 2 run and 3 wait already' });
    expect(lines).toContainEqual(
      expect.objectContaining({ message: 'a cap of a tool was reached', running: 2, waiting: 3 }),
    );
    expect(state()).toBe('open');
    await expectToWait(all, slow);
    for (let i = 0; i < 5; i += 1) {
      free[i]?.();
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(await Promise.all(taken)).toEqual(['done 0', 'done 1', 'done 2', 'done 3', 'done 4']);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  test('the time of one counts from when it has its place, and its wait is said', async () => {
    const { guard, call, waits } = bench();
    const slow = tool(() => new Promise((resolve) => setTimeout(() => resolve('done'), 800)), {
      caps: { concurrencyMax: 1, timeoutMs: 1000 },
    });
    const both = Promise.all([
      guard.run(slow, {}, call({ fence: 'once' })),
      guard.run(slow, {}, call({ fence: 'once' })),
    ]);
    await vi.advanceTimersByTimeAsync(799);
    expect(waits).toEqual([0]);
    await vi.advanceTimersByTimeAsync(801);
    expect(await both).toEqual(['done', 'done']);
    expect(waits).toEqual([0, null]);
  });

  test('callers take turns, each according to its weight', async () => {
    const { guard, call } = bench();
    const order: unknown[] = [];
    const slow = tool((args) => new Promise((resolve) => setTimeout(() => resolve(String(order.push(args))), 100)), {
      caps: { concurrencyMax: 1 },
    });
    const batch = ['b1', 'b2', 'b3', 'b4'].map((one) =>
      guard.run(slow, one, call({ share: { flow: 'batch', weight: 1 } })),
    );
    const quick = guard.run(slow, 'quick', call({ share: { flow: 'someone', weight: 1 } }));
    await vi.advanceTimersByTimeAsync(500);
    await Promise.all([...batch, quick]);
    expect(order).toEqual(['b1', 'b2', 'quick', 'b3', 'b4']);
  });

  test('one that is cancelled while it waits leaves the line', async () => {
    const { guard, call } = bench();
    let end = (): void => undefined;
    const slow = tool(() => new Promise((resolve) => (end = () => resolve('done'))), { caps: { concurrencyMax: 1 } });
    const first = guard.run(slow, {}, call());
    const controller = new AbortController();
    const second = failure(guard.run(slow, {}, call({ signal: controller.signal })));
    await vi.advanceTimersByTimeAsync(0);
    controller.abort(new AttemptCancelled('enough'));
    await second;
    expect(guard.load()).toEqual({ running: 1, waiting: 0 });
    end();
    expect(await first).toBe('done');
    expect(guard.load()).toEqual({ running: 0, waiting: 0 });
  });
});

test('the cap on answers: five megabytes are cut, and say so', async () => {
  const { guard, call, lines, attributes } = bench();
  const answer = await guard.run(
    tool(() => Promise.resolve('x'.repeat(5 * 1024 * 1024))),
    {},
    call(),
  );
  if (typeof answer !== 'string') return expect.unreachable('it has more than text');
  expect(answer.length).toBeLessThan(200_000);
  expect(answer).toMatch(/\n\n\(The answer has 5242880 characters; these are the first 190000\.\)$/);
  expect(attributes).toEqual({ 'mesh.overload.reason': 'its answer has 5242880 characters' });
  expect(lines).toContainEqual(expect.objectContaining({ chars: 5_242_880, charsMax: 190_000 }));
});

/** Five failures of a tool open its breaker. */
async function failFive({ guard, call }: ReturnType<typeof bench>, failing: Tool): Promise<void> {
  for (let i = 0; i < 5; i += 1) await failure(guard.run(failing, {}, call()));
}

test('a service has a breaker of its own, which does not count the failures of a tool behind it', async () => {
  const all = bench();
  const stateOf = (name: string) => all.breakers.states().find((one) => one.name === name)?.state;
  const broken = tool(() => Promise.reject(new Error('broken')), { service: 'mcp:box' });
  await failFive(all, broken);
  await expectToWait(all, broken);
  expect([stateOf('tool:odd'), stateOf('mcp:box')]).toEqual(['open', 'closed']);
  const gone = {
    ...tool(() => Promise.reject(new ToolError('mcp_unavailable', 'gone', { retryable: true })), {
      service: 'mcp:box',
    }),
    name: 'other',
  };
  await failFive(all, gone);
  expect(stateOf('mcp:box')).toBe('open');
  const third = { ...tool(() => Promise.resolve('well'), { service: 'mcp:box' }), name: 'third' };
  await expectToWait(all, third);
  expect(stateOf('tool:third')).toBeUndefined();
});

test.each(['tool_answer_too_large', 'tool_outcome_unknown'] as const)(
  'an answer that is too large (%s) shuts out its tool and not the server that it is on',
  async (code) => {
    const all = bench();
    const { guard, call, breakers } = all;
    const cause = new McpError('too_large', 'its answer is larger than 8 MiB');
    const large = tool(() => Promise.reject(new ToolError(code, cause.message, { cause })), { service: 'mcp:box' });
    await failFive(all, large);
    await expectToWait(all, large);
    const states = breakers.states().map(({ name, state }) => `${name} ${state}`);
    expect(states.sort()).toEqual(['mcp:box closed', 'tool:odd open']);
    const other = { ...tool(() => Promise.resolve('well'), { service: 'mcp:box' }), name: 'other' };
    expect(await guard.run(other, {}, call())).toBe('well');
  },
);

test('the cap on answers holds for one with attachments as well, which stay', async () => {
  const { guard, call } = bench();
  const attachments = [{ raw: 'aGk=', mediaType: 'image/png' }];
  const large = tool(() => Promise.resolve({ text: 'x'.repeat(300_000), attachments }));
  const answer = await guard.run(large, {}, call());
  expect(answer).toMatchObject({ attachments, text: expect.stringMatching(/these are the first 190000\.\)$/) });
});
