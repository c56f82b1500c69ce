/** The health that the gateway tells is that of the mesh: agents that are gone and a log server that hangs are no health. */
import { describe, expect, test } from 'vitest';
import { useGateway } from '../../support/gateway.ts';
import { freezeProcess, thawProcess } from '../../support/kill.ts';

const LIMIT_MS = 90_000;

describe('the health of the gateway', () => {
  const gateway = useGateway('gateway-health');
  const health = async (): Promise<{ code: number; status: string }> => {
    const answer = await fetch(`${gateway().http}/healthz`);
    return { code: answer.status, status: ((await answer.json()) as { status: string }).status };
  };
  const becomes = (code: number, status: RegExp) =>
    expect.poll(health, { timeout: LIMIT_MS }).toEqual({ code, status: expect.stringMatching(status) });

  test('is good once tasks are taken; not without agents; good again with them', async () => {
    await becomes(200, /^ok$/);
    await gateway().mesh.service('agents').down();
    await becomes(503, /no service takes tasks/);
    await gateway().mesh.service('agents').start();
    await becomes(200, /^ok$/);
  });

  test('a log server that keeps its connections and answers nothing is no health', async () => {
    const { pid } = gateway().mesh.nats;
    if (pid === null) throw new Error('the server does not run');
    await becomes(200, /^ok$/);
    await freezeProcess(pid);
    try {
      await becomes(503, /nothing can be stored|cannot be reached/);
    } finally {
      thawProcess(pid);
    }
    await becomes(200, /^ok$/);
  });
});
