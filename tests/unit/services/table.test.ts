/** The table of services: whole, and what roles and readers rest on. */
import { describe, expect, it } from 'vitest';
import { loadRoleDefinitions } from '../../../actors/roles/index.ts';
import { nodeArgs, serviceEnv } from '../../../cli/supervisor/services.ts';
import { readSettings } from '../../../config/settings.ts';
import { serviceNamed, services, supervisedServices } from '../../../services/table.ts';

const settings = readSettings({ AGENTS_MEMORY_MB: '300', AGENTS_THREADS: '7' });

describe('the table of services', () => {
  it('has each name once', () => {
    const names = services.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has a service with a ledger for every role', async () => {
    for (const { name, service } of await loadRoleDefinitions())
      expect(serviceNamed(service), `${name} is hosted by ${service}`).toMatchObject({ hasLedger: true });
  });

  it.each(services.map(({ name }) => name))('%s has a start function', async (name) => {
    expect(await serviceNamed(name)?.start()).toBeTypeOf('function');
  });

  it('S8: gives every process a heap and a pool that are bounded', () => {
    for (const service of services) {
      expect(service.heapMb(settings)).toBeGreaterThanOrEqual(64);
      expect(service.poolThreads(settings)).toBeGreaterThanOrEqual(1);
    }
  });

  it('knows no service of another name', () => {
    expect(serviceNamed('toString')).toBeNull();
  });

  it('tells the supervisor how a process is started, by its settings', () => {
    const [agents] = supervisedServices;
    if (agents === undefined) throw new Error('no service');
    expect(nodeArgs(agents, settings)).toContain('--max-old-space-size=300');
    expect(nodeArgs(agents, settings).slice(-1)).toEqual(['agents']);
    expect(serviceEnv(agents, settings)).toMatchObject({ MESH_SUPERVISED: '1', UV_THREADPOOL_SIZE: '7' });
    // Whoever starts the mesh without ./mesh gets it as well.
    expect(serviceEnv(agents, settings).NODE_COMPILE_CACHE).toMatch(/./);
  });
});
