import { afterEach, describe, expect, it } from 'vitest';
import { type Health, type HealthState, openHealth, serveHealth } from '../../../services/health.ts';

const working: HealthState = { hasBegun: true, isStopping: false, isConnected: true, refusal: null };
const open: Health[] = [];

async function served(state: () => HealthState): Promise<Health> {
  const health = await serveHealth({ host: '127.0.0.1', port: 0 }, state);
  open.push(health);
  return health;
}

async function ask(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return `${response.status} ${(await response.text()).trim()}`;
}

afterEach(async () => {
  for (const health of open.splice(0)) await health.close();
});

describe('the health of a service', () => {
  it.each<[string, Partial<HealthState>, string, string, string]>([
    ['at work', {}, '200 ok', '200 ok', '200 ok'],
    ['starting', { hasBegun: false }, '503 starting', '503 starting', '200 ok'],
    ['without the log', { isConnected: false }, '200 ok', '503 the log cannot be reached', '200 ok'],
    ['near its cap', { refusal: 'memory is short' }, '200 ok', '503 memory is short', '200 ok'],
    ['stopping', { isStopping: true }, '200 ok', '503 stopping', '200 ok'],
  ])('%s: three questions, three answers', async (_name, change, startup, ready, live) => {
    const { port } = await served(() => ({ ...working, ...change }));
    expect(await ask(port, '/startupz')).toBe(startup);
    expect(await ask(port, '/readyz?verbose')).toBe(ready);
    expect(await ask(port, '/livez')).toBe(live);
  });

  it('follows the state', async () => {
    let state: HealthState = { ...working, hasBegun: false };
    const { port } = await served(() => state);
    expect(await ask(port, '/readyz')).toBe('503 starting');
    state = working;
    expect(await ask(port, '/readyz')).toBe('200 ok');
  });

  it('names the questions there are', async () => {
    const { port } = await served(() => working);
    expect(await ask(port, '/health')).toBe('404 ask one of /startupz, /readyz, /livez');
  });

  it('listens only where a port is named, and says which setting is wrong when it is taken', async () => {
    expect(await openHealth({ MESH_HEALTH_HOST: '127.0.0.1', MESH_HEALTH_PORT: undefined }, () => working)).toBeNull();
    const { port } = await served(() => working);
    await expect(openHealth({ MESH_HEALTH_HOST: '127.0.0.1', MESH_HEALTH_PORT: port }, () => working)).rejects.toThrow(
      `MESH_HEALTH_PORT=${port}: cannot listen on 127.0.0.1`,
    );
  });
});
