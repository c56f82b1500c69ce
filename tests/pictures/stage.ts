/**
 * A mesh with a past: tasks of every kind, crashes, questions, a refused message. Owns: what happens on it, in which
 * order. Does not own: what is recorded or photographed of it.
 */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../config/settings.ts';
import type { Board, TaskRow } from '../../dashboard/wire.ts';
import { createMeshCommand, type MeshCommand } from '../e2e/command.ts';
import { Counter } from '../support/counter.ts';
import { openScriptModel, type ScriptModel } from './script-model.ts';

const POLICY = join(projectRoot, 'tests', 'pictures', 'ask-first.policy.json');

export interface Stage {
  readonly mesh: MeshCommand;
  readonly model: ScriptModel;
  readonly url: string;
  readonly tasks: Readonly<Record<TaskName, string>>;
  close(): Promise<void>;
}

const LIMIT_MS = 60_000;
const LOOK_MS = 100;

async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${LIMIT_MS} ms: ${ask}`);
    await sleep(LOOK_MS);
  }
}

const taskNames = [
  'build',
  'answer',
  'review',
  'tool',
  'survived',
  'question',
  'consent',
  'failed',
  'cancelled',
] as const;
export type TaskName = (typeof taskNames)[number];

interface RunJson {
  readonly services: readonly { readonly name: string; readonly process: { readonly pid: number } | null }[];
}

/** @param say told what is done just now */
export async function openStage(say: (what: string) => void): Promise<Stage> {
  const counter = await Counter.open();
  const model = await openScriptModel();
  const mesh = await createMeshCommand({
    ...{
      OPENAI_BASE_URL: model.baseUrl,
      OPENAI_MODEL: 'qwen2.5-coder',
      OBS_PRICE_INPUT: '0.4',
      OBS_PRICE_OUTPUT: '1.6',
    },
    ...{ TOOLS_ALLOW_HOSTS: counter.host, TOOLS_POLICY: POLICY },
  });
  say('starting a mesh');
  const up = await mesh.run(['up', '--detach']);
  if (up.code !== 0) throw new Error(up.stderr);
  const url = (await mesh.run(['open', '--print'])).stdout.trim();
  const close = async (): Promise<void> => {
    await mesh.end();
    await model.close();
    await counter.close();
  };
  const tasks = await play({ mesh, counter, url, say }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { mesh, model, url, tasks, close };
}

interface Props {
  readonly mesh: MeshCommand;
  readonly counter: Counter;
  readonly url: string;
  readonly say: (what: string) => void;
}

async function play({ mesh, counter, url, say }: Props): Promise<Record<TaskName, string>> {
  const ids: Partial<Record<TaskName, string>> = {};
  const submit = async (name: TaskName, prompt: string, workflow = ''): Promise<string> => {
    say(`${name}: ${prompt.slice(0, 60)}`);
    const body = JSON.stringify({ kind: 'submit', prompt, workflow, id: crypto.randomUUID() });
    const headers = { 'content-type': 'application/json', origin: url };
    const outcome = (await (await fetch(`${url}/api/command`, { method: 'POST', headers, body })).json()) as {
      task?: string;
      message?: string;
    };
    if (outcome.task === undefined) throw new Error(outcome.message);
    ids[name] = outcome.task;
    return outcome.task;
  };
  const row = async (id: string): Promise<TaskRow | undefined> =>
    ((await (await fetch(`${url}/api/board`)).json()) as Board).rows.find((one) => one.id === id);
  const reached = (id: string, is: (row: TaskRow) => boolean): Promise<TaskRow> =>
    until(async () => {
      const found = await row(id);
      return found !== undefined && is(found) ? found : null;
    });
  const ended = (id: string) => reached(id, ({ status }) => ['completed', 'failed', 'cancelled'].includes(status));
  const kill = async (name: string): Promise<void> => {
    const pidOf = (): number | undefined =>
      (JSON.parse(readFileSync(join(mesh.home, 'run.json'), 'utf8')) as RunJson).services.find(
        (one) => one.name === name,
      )?.process?.pid;
    const pid = pidOf();
    if (pid === undefined) throw new Error(`${name} does not run`);
    process.kill(pid, 'SIGKILL');
    await until(async () => (pidOf() !== pid ? true : null));
  };

  await ended(await submit('tool', 'tool:calculator {"expression": "6 * 7"}'));
  await ended(await submit('failed', 'is this retry loop correct?', 'review'));
  await ended(
    await submit(
      'review',
      'Is this retry loop correct?\n```ts\nwhile (true) {\n  try { return await call(); }\n  catch {}\n}\n```',
      'review',
    ),
  );
  await ended(await submit('answer', 'How does a task survive a crash?'));
  const cut = await submit('survived', counter.prompt('http_post', '/orders', '{"order":"7c1f"}'));
  counter.hold('/orders');
  await reached(cut, ({ hops }) => hops >= 1);
  await until(async () => (counter.requests('/orders').length === 1 ? true : null));
  await kill('tools');
  counter.release('/orders');
  await ended(cut);
  const stopped = await submit('cancelled', 'Explain every file of this project in detail', 'answer');
  await reached(stopped, ({ hops }) => hops >= 2);
  await mesh.run(['cancel', stopped, '--reason', 'a shorter question is enough']);
  await mesh.publish('mesh.tasks', '{"prompt": "Summarise the changes of today", "worklfow": "answer"}');
  await reached(
    await submit('consent', `tool:http_get {"url": "${counter.url('/prices')}"}`),
    ({ status }) => status === 'input_required',
  );
  counter.hold('/invoices');
  const once = await submit('question', counter.prompt('http_post_once', '/invoices', '{"invoice":"2026-118"}'));
  await until(async () => (counter.requests('/invoices').length === 1 ? true : null));
  await kill('tools');
  counter.release('/invoices');
  await reached(once, ({ status }) => status === 'input_required');
  const build = await submit(
    'build',
    'Write a TypeScript function that debounces another function, with a way to cancel',
  );
  await reached(build, ({ hops }) => hops >= 2);
  await sleep(1600);
  await kill('llm');
  await ended(build);
  const folder = join(mesh.home, 'notes');
  mkdirSync(folder);
  copyFileSync(join(projectRoot, 'README.md'), join(folder, 'README.md'));
  copyFileSync(join(projectRoot, 'LICENSE'), join(folder, 'id_rsa'));
  await mesh.run(['index', folder]);
  // What processes finished is told once a second.
  await sleep(2500);
  return Object.fromEntries(taskNames.map((name) => [name, ids[name] ?? ''])) as Record<TaskName, string>;
}
