/**
 * Pictures of every page, and the recording behind the demonstration: `node tests/pictures/main.ts [--record] [--only a,b]`.
 * Owns: the order of both. A mesh of its own is started, played on and ended. The pictures lie in artifacts/pictures, to be
 * looked at; the recording in dashboard/static/demo. With `--record` no picture is taken.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../config/settings.ts';
import { startBrowser } from '../e2e/dashboard/browser.ts';
import { record } from './record.ts';
import { shoot, shotsOf } from './shoot.ts';
import { openStage, type Stage } from './stage.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const value = (name: string): string | undefined =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
const only = value('--only')?.split(',');
const widths = (value('--widths') ?? '1440,768,320').split(',').map(Number);
const schemes = (value('--schemes') ?? 'light,dark').split(',') as ('light' | 'dark')[];
const at = value('--at');
const folder = join(projectRoot, 'artifacts', 'pictures');

async function take(stage: Pick<Stage, 'url' | 'tasks'>): Promise<void> {
  const browser = await startBrowser();
  const shots = shotsOf(stage.tasks).filter(({ name }) => only === undefined || only.includes(name));
  for (const width of widths)
    for (const scheme of schemes)
      for (const problem of await shoot(browser, stage.url, shots, { width, scheme }, folder))
        say(`${width} ${scheme}: ${problem}`);
  await browser.close();
}

if (at !== undefined) await take(JSON.parse(readFileSync(at, 'utf8')) as Stage);
else {
  const stage = await openStage(say);
  const keep = value('--keep');
  try {
    if (keep !== undefined) {
      writeFileSync(keep, JSON.stringify({ url: stage.url, tasks: stage.tasks, home: stage.mesh.home }));
      say(`kept until this process ends: ${keep}`);
      await new Promise((resolve) => process.once('SIGTERM', resolve));
    } else if (process.argv.includes('--record'))
      await record(stage.url, [
        [stage.mesh.home, '/home/you/agent-mesh/.mesh'],
        [projectRoot, '/home/you/agent-mesh'],
        [hostname(), 'desk-1'],
      ]);
    else await take(stage);
  } finally {
    await stage.close();
  }
}
