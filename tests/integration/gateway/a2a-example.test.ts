/**
 * What others are told to try, run as it stands there against a real mesh: the client in docs/a2a.md, and the examples of
 * the agent card.
 */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TaskState } from '@a2a-js/sdk';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { asTask, connect, message, request } from '../../support/a2a.ts';
import { useGateway } from '../../support/gateway.ts';

const LIMIT_MS = 60_000;
const gateway = useGateway('a2a-example');

describe('the examples', () => {
  test('the client in TypeScript prints the task, what happens, and the answer', async () => {
    const { http, mesh } = gateway();
    const text = readFileSync(join(projectRoot, 'docs', 'a2a.md'), 'utf8');
    const code = /```ts\n(.*?)```/s.exec(text)?.[1] ?? '';
    expect(code).toContain('http://127.0.0.1:7444');
    // Beside the project's modules, so that its imports are found.
    const path = join(mesh.folder, 'example.ts');
    writeFileSync(path, code.replace('http://127.0.0.1:7444', http));
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: LIMIT_MS });
      expect(stdout).toMatch(/^task [0-9a-f-]{36}$/m);
      expect(stdout).toMatch(/responder is at work/);
      expect(stdout.trim().split('\n').length).toBeGreaterThan(4);
    } finally {
      rmSync(path);
    }
  });

  test('each example of a skill in the card is answered by its workflow', async () => {
    const { http } = gateway();
    const client = await connect(http, 'JSONRPC');
    const { skills } = await client.getAgentCard();
    const examples = skills.flatMap((skill) => skill.examples.map((text) => ({ workflow: skill.id, text })));
    expect(examples.length).toBeGreaterThanOrEqual(skills.length);
    const ends = await Promise.all(
      examples.map(async ({ workflow, text }) => {
        const task = asTask(await client.sendMessage(request(message(text, { metadata: { workflow } }))));
        return { workflow, state: task.status?.state, said: task.artifacts.length > 0 };
      }),
    );
    expect(ends).toEqual(
      examples.map(({ workflow }) => ({ workflow, state: TaskState.TASK_STATE_COMPLETED, said: true })),
    );
  });
});
