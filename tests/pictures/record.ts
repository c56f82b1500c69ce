/**
 * The recording behind the demonstration (`?demo=1`). Owns: what is asked of a dashboard, and taking out what is of this
 * machine alone. Does not own: the mesh.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../config/settings.ts';
import type { Board } from '../../dashboard/wire.ts';

const folder = join(projectRoot, 'dashboard', 'static', 'demo');

/** @param own names of this machine, and what stands for them */
export async function record(url: string, own: readonly (readonly [string, string])[]): Promise<void> {
  const ask = async (path: string): Promise<string> => {
    const response = await fetch(`${url}/api/${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return own.reduce((text, [name, other]) => text.replaceAll(name, other), await response.text());
  };
  const keep = async (name: string, path = name): Promise<string> => {
    const text = await ask(path);
    const file = join(folder, `${name}.json`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
    return text;
  };
  rmSync(folder, { recursive: true, force: true });
  const { rows } = JSON.parse(await keep('board')) as Board;
  for (const { id } of rows) {
    await keep(`task/${id}`);
    await keep(`trace/${id}`);
  }
  for (const name of ['surroundings', 'owners', 'knowledge', 'evaluation']) await keep(name);
  await keep('explain', `explain?${new URLSearchParams({ q: 'is this retry loop correct?' })}`);
  await keep('search', `search?${new URLSearchParams({ q: 'how does a lease end' })}`);
  const refused = JSON.parse(await keep('quarantine')) as readonly { seq: number }[];
  for (const { seq } of refused) await keep(`quarantine/${seq}`);
  writeFileSync(
    join(folder, 'services.json'),
    `${own.reduce((text, [name, other]) => text.replaceAll(name, other), await heard(url, 'services'))}\n`,
  );
  writeFileSync(join(folder, 'observation.json'), `${await heard(url, 'observation')}\n`);
}

/** What the event stream of a tab tells of a topic first. */
async function heard(url: string, topic: string): Promise<string> {
  const response = await fetch(`${url}/events`);
  let text = '';
  // Leaving the loop ends the stream.
  for await (const piece of response.body ?? []) {
    text += new TextDecoder().decode(piece);
    const data = new RegExp(`event: ${topic}\\n(?:id: .*\\n)?data: (.*)\\n\\n`).exec(text)?.[1];
    if (data !== undefined) return data;
  }
  throw new Error(`the dashboard says nothing of ${topic}`);
}
