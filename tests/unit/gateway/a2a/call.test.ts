import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { A2aCall } from '../../../../gateway/a2a/call.ts';

function callOver(outlet: PassThrough) {
  const gone = new AbortController();
  const context = {
    caller: { name: 'alice', role: 'user' as const },
    signal: gone.signal,
    deadlineMs: null,
    traceparent: null,
  };
  return { call: new A2aCall('rest', context, outlet), gone };
}

describe('a reader slower than its task', () => {
  it('is waited for until it has taken what was written', async () => {
    const outlet = new PassThrough({ highWaterMark: 10 });
    const { call } = callOver(outlet);
    await call.drained();
    expect(outlet.write('more than ten bytes')).toBe(false);
    let isDrained = false;
    const waiting = call.drained().then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    outlet.resume();
    await waiting;
    expect(isDrained).toBe(true);
  });

  it('that leaves is waited for no more', async () => {
    const outlet = new PassThrough({ highWaterMark: 10 });
    const { call, gone } = callOver(outlet);
    outlet.write('more than ten bytes');
    const waiting = call.drained();
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled', reason: 'CALLER_LEFT' });
  });
});
