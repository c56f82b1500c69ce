/**
 * The client in docs/a2a.md, run as it stands there against a real mesh.
 */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';
import { useGateway } from '../../support/gateway.ts';

const LIMIT_MS = 60_000;
const gateway = useGateway('a2a-example');

describe('the examples of docs/a2a.md', () => {
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
});
