/** The registry as a process sees it: who lives, which roles can take work, and what silence means. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryBus, createMemoryLog, type MemoryBus, type MemoryLog } from '../../../bus/memory-bus.ts';
import { openRegistryView, type RegistryView } from '../../../registry/registry-view.ts';
import { settled } from '../runtime/support/fake-clock.ts';

let nowMs = 0;
let log: MemoryLog;
let bus: MemoryBus;
let view: RegistryView;

const open = (expected: readonly string[] = []): RegistryView =>
  openRegistryView(bus, { expected, monotonicMs: () => nowMs, epochMs: () => nowMs });
const beat = (service: string, roles: string[], more: object = {}): Promise<number> => {
  const data = { service, host: `${service}-1`, pid: 1, roles, startedAt: '2026-11-25T15:00:00.000Z', ...more };
  return bus.kv('registry').put(`${service}.${service}-1`, JSON.stringify(data));
};
const role = (name: string) => view.roles().find((state) => state.role === name);
/** Time goes on while this process itself beats. */
const passes = async (ms: number): Promise<void> => {
  const endMs = nowMs + ms;
  while (nowMs < endMs) {
    nowMs = Math.min(endMs, nowMs + 2000);
    await beat('agents', ['orchestrator']);
    await settled();
  }
};

beforeEach(async () => {
  nowMs = 1_000_000;
  log = createMemoryLog({ now: () => nowMs });
  bus = createMemoryBus(log);
  await bus.ensureTopology();
});
afterEach(async () => {
  view.close();
  await bus.close();
});

describe('a view of the registry', () => {
  it('knows who beat before it was opened and who begins later', async () => {
    await beat('tools', ['tools'], { capabilities: ['tool:calculator'] });
    view = open();
    await view.ready;
    await beat('llm', ['llm'], { capabilities: ['engine:llama'] });
    await settled();
    expect(view.services().map(({ service, ageMs }) => [service, ageMs])).toEqual([
      ['llm', 0],
      ['tools', 0],
    ]);
    expect(role('tools')).toEqual({
      ...{ role: 'tools', healthy: true, saturated: false, tags: ['tool:calculator'] },
      ...{ openBreakers: [], reason: null },
    });
  });

  it('forgets a service after ten seconds of silence, and says so', async () => {
    view = open();
    await view.ready;
    await beat('tools', ['tools']);
    await settled();
    await passes(10_000);
    expect(role('tools')).toMatchObject({ healthy: true });
    await passes(1000);
    expect(role('tools')).toMatchObject({ healthy: false, reason: 'tools has been silent for 11 s' });
    expect(view.services().map(({ service }) => service)).toEqual(['agents']);
    await beat('tools', ['tools']);
    await settled();
    expect(role('tools')).toMatchObject({ healthy: true, reason: null });
  });

  it('takes a service that stopped in order out at once', async () => {
    view = open();
    await beat('tools', ['tools']);
    await view.ready;
    await bus.kv('registry').delete('tools.tools-1');
    await settled();
    expect(role('tools')).toMatchObject({ healthy: false, reason: 'tools has stopped' });
  });

  it('calls a role saturated only when every process that has it is', async () => {
    view = open();
    await beat('tools', ['tools'], { saturated: 'memory 250 of 256 MiB' });
    await view.ready;
    expect(role('tools')).toMatchObject({ healthy: true, saturated: true, reason: 'memory 250 of 256 MiB' });
    await beat('second', ['tools']);
    await settled();
    expect(role('tools')).toMatchObject({ healthy: true, saturated: false, reason: null });
  });

  it('shows breakers that are not closed', async () => {
    const states = [
      { name: 'tool:a', state: 'open', failures: 5, openedAt: '2026-11-25T15:00:00.000Z', reason: 'down' },
      { name: 'tool:b', state: 'closed', failures: 0, openedAt: null, reason: null },
    ];
    view = open();
    await beat('tools', ['tools'], { breakers: states });
    await view.ready;
    expect(role('tools')).toMatchObject({ openBreakers: ['tool:a'] });
  });

  it('gives an expected role time to appear, then says that nobody offers it', async () => {
    view = open(['reviewer']);
    await view.ready;
    await passes(10_000);
    expect(role('reviewer')).toMatchObject({ healthy: true, reason: 'nothing was heard of reviewer so far' });
    await passes(2000);
    expect(role('reviewer')).toMatchObject({ healthy: false, reason: 'no service offers reviewer' });
  });

  it('judges nobody while the registry cannot be reached, nor right after', async () => {
    view = open();
    await beat('tools', ['tools']);
    await view.ready;
    log.goDown();
    nowMs += 60_000;
    expect(role('tools')).toMatchObject({ healthy: true, reason: 'the registry cannot be reached' });
    log.comeUp();
    await settled();
    await passes(8000);
    expect(role('tools')).toMatchObject({ healthy: true });
    await passes(4000);
    expect(role('tools')).toMatchObject({ healthy: false });
  });

  it('judges nobody when it hears nobody at all', async () => {
    view = open();
    await beat('tools', ['tools']);
    await view.ready;
    nowMs += 30_000;
    expect(role('tools')).toMatchObject({ healthy: true, reason: 'the registry has been silent for 30 s' });
    expect(view.services()).toEqual([]);
  });

  it('judges nobody right after it has heard nobody: it may be the first of them that it hears again', async () => {
    view = open();
    await view.ready;
    await beat('tools', ['tools']);
    await settled();
    nowMs += 11_000;
    await beat('agents', ['orchestrator']);
    await settled();
    expect(role('tools')).toMatchObject({ healthy: true, reason: 'nothing was heard of tools so far' });
    await passes(11_000);
    expect(role('tools')).toMatchObject({ healthy: false, reason: 'tools has been silent for 22 s' });
  });

  it('passes over what is no heartbeat', async () => {
    view = open();
    await bus.kv('registry').put('strange.entry', '{"hello":');
    await bus.kv('registry').put('strange.entry2', '[]');
    await beat('tools', ['tools']);
    await view.ready;
    await settled();
    expect(view.services().map(({ service }) => service)).toEqual(['tools']);
  });
});
