/** Circuit breakers: what opens them, what an open one says, and how it closes again. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EffectError } from '../../../actors/runtime/errors.ts';
import { createBreakers } from '../../../resilience/breakers.ts';

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const down = () => Promise.reject(new Error('connection refused'));
const up = () => Promise.resolve('pong');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function broken(failures: number) {
  const breakers = createBreakers(quiet, { failuresMax: 3, halfOpenAfterMs: 1000 });
  for (let count = 0; count < failures; count += 1) await breakers.run('tool:x', down).catch(() => undefined);
  return breakers;
}

describe('a breaker', () => {
  it('stays closed below its limit', async () => {
    const breakers = await broken(2);
    expect(breakers.states()).toEqual([
      { name: 'tool:x', state: 'closed', failures: 2, openedAt: null, reason: 'connection refused' },
    ]);
    await expect(breakers.run('tool:x', up)).resolves.toBe('pong');
    expect(breakers.states()[0]).toMatchObject({ failures: 0, reason: null });
  });

  it('opens at its limit, does not call any more, and says why and until when', async () => {
    const breakers = await broken(3);
    const call = vi.fn(up);
    await expect(breakers.run('tool:x', call)).rejects.toMatchObject({
      code: 'breaker_open',
      retryable: true,
      message: 'tool:x is left alone after 3 failures (connection refused); tried again in 1 s',
    });
    expect(call).not.toHaveBeenCalled();
    expect(breakers.states()[0]).toMatchObject({ state: 'open', failures: 3, openedAt: new Date().toISOString() });
  });

  it('lets one call through after a while, and closes when it succeeds', async () => {
    const breakers = await broken(3);
    vi.advanceTimersByTime(1001);
    await expect(breakers.run('tool:x', up)).resolves.toBe('pong');
    expect(breakers.states()[0]).toMatchObject({ state: 'closed', failures: 0, openedAt: null });
  });

  it('opens again when the probe fails', async () => {
    const breakers = await broken(3);
    vi.advanceTimersByTime(1001);
    await expect(breakers.run('tool:x', down)).rejects.toThrow('connection refused');
    await expect(breakers.run('tool:x', up)).rejects.toMatchObject({ code: 'breaker_open' });
  });

  it('refuses others at once while one call is tried, so that they can take their fallback', async () => {
    const breakers = await broken(3);
    vi.advanceTimersByTime(1001);
    const { promise, resolve } = Promise.withResolvers<string>();
    const probe = breakers.run('tool:x', () => promise);
    const attributes: object[] = [];
    const span = { set: (more: object) => void attributes.push(more) };
    await expect(breakers.run('tool:x', up, { span })).rejects.toMatchObject({
      ...{ code: 'breaker_open', breaker: 'tool:x', state: 'half_open', retryable: true },
      message: expect.stringContaining('one call is tried now'),
    });
    expect(attributes).toEqual([{ 'mesh.breaker.name': 'tool:x', 'mesh.breaker.state': 'half_open' }]);
    resolve('pong');
    await expect(probe).resolves.toBe('pong');
    await expect(breakers.run('tool:x', up)).resolves.toBe('pong');
  });

  it('stays open when the probe was cancelled: that has shown nothing', async () => {
    const breakers = await broken(3);
    vi.advanceTimersByTime(1001);
    const cancelled = () => Promise.reject(Object.assign(new Error('cancelled'), { name: 'AttemptCancelled' }));
    await expect(breakers.run('tool:x', cancelled)).rejects.toThrow('cancelled');
    await expect(breakers.run('tool:x', up)).rejects.toMatchObject({ code: 'breaker_open', state: 'open' });
  });

  it('counts a call that ignores its time limit when the limit is over', async () => {
    const breakers = createBreakers(quiet, { failuresMax: 1 });
    const limit = new AbortController();
    const call = breakers.run('tool:x', () => new Promise<string>(() => undefined), { signal: limit.signal });
    limit.abort(new EffectError('timeout', 'no result within 5 ms', { retryable: true }));
    await expect(call).rejects.toMatchObject({ code: 'timeout' });
    expect(breakers.states()[0]).toMatchObject({ state: 'open', reason: 'no result within 5 ms' });
  });

  it('forgets those that have nothing to remember when there are too many', async () => {
    const breakers = createBreakers(quiet);
    await breakers.run('tool:bad', down).catch(() => undefined);
    for (let count = 0; count < 300; count += 1) await breakers.run(`tool:${count}`, up);
    const names = breakers.states().map(({ name }) => name);
    expect(names).toHaveLength(256);
    expect(names).toContain('tool:bad');
  });

  it('does not count the mistakes of callers', async () => {
    const breakers = await broken(0);
    const wrong = () => Promise.reject(new EffectError('tool_bad_arguments', 'no'));
    for (let count = 0; count < 5; count += 1) await breakers.run('tool:x', wrong).catch(() => undefined);
    expect(breakers.states()[0]).toMatchObject({ state: 'closed', failures: 0 });
  });

  it('is one of many: another name is not affected', async () => {
    const breakers = await broken(3);
    await expect(breakers.run('tool:y', up)).resolves.toBe('pong');
  });
});

describe('a caller that would rather wait', () => {
  /** One call is being tried; its end is the test's. */
  async function tried() {
    const breakers = await broken(3);
    vi.advanceTimersByTime(1001);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const probe = breakers.run('tool:x', () => promise);
    return { breakers, probe, succeed: () => resolve('well'), fail: reject };
  }
  const wait = (until: 'trial' | 'turn', told: (number | null)[] = []) => ({
    wait: { until, waits: (ahead: number | null) => void told.push(ahead) },
  });
  const outcomeOf = (work: Promise<unknown>) => work.catch((error: Error) => error.message);

  it.each(['trial', 'turn'] as const)(
    'until its %s waits for a call that is tried, and then makes its own',
    async (until) => {
      const { breakers, probe, succeed } = await tried();
      const told: (number | null)[] = [];
      const others = [0, 1].map((n) => breakers.run('tool:x', () => Promise.resolve(n), wait(until, told)));
      await vi.advanceTimersByTimeAsync(20_000);
      expect(told).toEqual([0, 1]);
      succeed();
      expect(await Promise.all([probe, ...others])).toEqual(['well', 0, 1]);
      expect(told).toEqual([0, 1, null, null]);
    },
  );

  it('fails with the call that was tried, without having been made', async () => {
    const { breakers, probe, fail } = await tried();
    const call = vi.fn(up);
    const other = outcomeOf(breakers.run('tool:x', call, wait('turn')));
    fail(new Error('still down'));
    await expect(probe).rejects.toThrow('still down');
    expect(await other).toBe('tool:x is left alone after 4 failures (still down); tried again in 1 s');
    expect(call).not.toHaveBeenCalled();
  });

  it('goes on waiting after a call that was cancelled, and is the next to be tried', async () => {
    const { breakers, probe, fail } = await tried();
    const others = [up, up].map((call) => breakers.run('tool:x', call, wait('turn')));
    fail(Object.assign(new Error('cancelled'), { name: 'AttemptCancelled' }));
    await expect(probe).rejects.toThrow('cancelled');
    expect(breakers.states()[0]).toMatchObject({ state: 'open', failures: 3, reason: 'connection refused' });
    await vi.advanceTimersByTimeAsync(1001);
    expect(await Promise.all(others)).toEqual(['pong', 'pong']);
  });

  it('waits while the breaker is open if it has nothing else, and is refused if it has', async () => {
    const breakers = await broken(3);
    await expect(breakers.run('tool:x', up, wait('trial'))).rejects.toMatchObject({ state: 'open' });
    const call = vi.fn(up);
    const waiting = breakers.run('tool:x', call, wait('turn'));
    await vi.advanceTimersByTimeAsync(999);
    expect(call).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2);
    expect(await waiting).toBe('pong');
  });

  it('does not wait for a call that hangs if it has something else', async () => {
    const { breakers, probe, succeed } = await tried();
    const fallsBack = outcomeOf(breakers.run('tool:x', up, wait('trial')));
    const waits = breakers.run('tool:x', up, wait('turn'));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await fallsBack).toContain('one call is tried now');
    await expect(breakers.run('tool:x', up, wait('trial'))).rejects.toMatchObject({ state: 'half_open' });
    succeed();
    expect(await Promise.all([probe, waits])).toEqual(['well', 'pong']);
  });

  it('is refused where too many wait, of whatever name, and makes room when it is cancelled', async () => {
    const { breakers, probe, succeed } = await tried();
    for (let count = 0; count < 3; count += 1) await breakers.run('tool:y', down).catch(() => undefined);
    const enough = new AbortController();
    const first = outcomeOf(breakers.run('tool:x', up, { ...wait('turn'), signal: enough.signal }));
    const others = Array.from({ length: 31 }, () => breakers.run('tool:x', up, wait('turn')));
    await expect(breakers.run('tool:y', up, wait('turn'))).rejects.toMatchObject({ code: 'breaker_open' });
    enough.abort(new Error('enough'));
    expect(await first).toBe('enough');
    const another = breakers.run('tool:x', up, wait('turn'));
    succeed();
    expect(await Promise.all([probe, ...others, another])).toHaveLength(33);
  });
});
