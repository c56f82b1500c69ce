/** A promise that nobody waits for: of a user's own code it is told with its place, of the product's it ends the process. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { projectRoot } from '../../../config/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-stray-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const own = join(folder, 'tool.mjs');
writeFileSync(own, "\nexport const stray = () => void Promise.reject(new Error('nobody hears this'));\n");
const addressOf = (...path: string[]): string => JSON.stringify(pathToFileURL(join(projectRoot, ...path)).href);

/** What a process says that hears them, and how it ends. */
function run(rejects: string): Promise<{ readonly said: string; readonly code: number }> {
  const program = `
    import { hearStrayRejections } from ${addressOf('services', 'stray-rejections.ts')};
    import { stray } from ${JSON.stringify(pathToFileURL(own).href)};
    hearStrayRejections(${JSON.stringify(folder)}, { error: (what, message) => console.log(JSON.stringify(what), message) });
    ${rejects};
    setImmediate(() => console.log('goes on'));`;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--input-type=module', '-e', program], (_error, said) =>
      resolve({ said, code: child.exitCode ?? -1 }),
    );
  });
}

test('of a user’s own code', async () => {
  const { said, code } = await run('stray()');
  expect(said).toContain('{"where":"tool.mjs:2","error":"nobody hears this"} a promise was rejected and nothing waits');
  expect([code, said.includes('goes on')]).toEqual([0, true]);
});

test('of the product', async () => {
  const { said, code } = await run("void Promise.reject(new Error('a fault'))");
  expect([code, said]).toEqual([1, '']);
});
