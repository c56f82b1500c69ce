/** A calculator that stands by is ready: what it is given first costs it no more than what comes later. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { turnsOf } from '../../../worker-pool/priority.ts';

const SCRIPT = fileURLToPath(new URL('../../../actors/roles/tools/builtin/math-worker.ts', import.meta.url));

test.runIf(process.platform === 'linux')(
  'the library is made at its start, not at its first expression',
  async () => {
    const child = fork(SCRIPT, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    try {
      let id = 0;
      const asked = async (expression: string): Promise<unknown> => {
        id += 1;
        child.send({ id, request: { expression } });
        for (;;) {
          const [said]: { kind: string; id: number; reply?: unknown }[] = await once(child, 'message');
          if (said?.id === id && said.kind === 'done') return said.reply;
        }
      };
      const ranMs = (): number => turnsOf(child.pid ?? 0)?.ranMs ?? Number.NaN;
      // Refused by its length, before anything is computed.
      expect(await asked('1'.repeat(5000))).toMatchObject({ refused: true });
      const startMs = ranMs();
      expect(await asked('2^0.5 + 7')).toEqual({ text: '8.4142135623731', refused: false });
      // Of processor, by the kernel's count: what stands still costs none.
      expect(ranMs() - startMs).toBeLessThan(0.08 * startMs);
    } finally {
      child.kill('SIGKILL');
    }
  },
  120_000,
);
