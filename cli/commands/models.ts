/**
 * `mesh models ls|pull`. Owns: how models are shown, and progress. Does not own: reading and fetching them (gguf-models/).
 */

import { basename, join, relative } from 'node:path';
import type { Command } from 'commander';
import { meshFolder, projectRoot, type Settings } from '../../config/settings.ts';
import { type CatalogueModel, catalogue } from '../../gguf-models/catalogue.ts';
import { modelsFolder } from '../../gguf-models/files.ts';
import { gpuAdvice } from '../../gguf-models/gpu.ts';
import { type Pulled, type PullProgress, pullModel } from '../../gguf-models/pull.ts';
import { DownloadError } from '../../gguf-models/remote-file.ts';
import { engineKind } from '../../services/adapters/engine-kind.ts';
import { hint } from '../called.ts';
import { declare, settingsNow } from '../command.ts';
import { CliError } from '../errors.ts';
import { fileName, listModels, type ModelFile, type ModelList } from '../model-list.ts';
import {
  bytes,
  columns,
  err,
  note,
  oneLine,
  out,
  type Paint,
  painter,
  plural,
  print,
  printJson,
  statusLine,
  table,
} from '../terminal.ts';

const BAR_COLUMNS = 24;
const OLLAMA_SHOWN = 12;

export function command(): Command {
  const parent = declare({
    name: 'models',
    group: 'Care',
    summary: 'language models: what is there, and fetching more',
    details:
      'Models lie in MESH_HOME/models. A fetched one is checked by length and SHA-256 before it gets its name; a broken download goes on where it stopped.',
    examples: [
      ['models ls', 'what is there, what each needs, what can be fetched'],
      ['models pull qwen2.5-coder-1.5b', 'fetch a recommended one'],
      ['models pull https://example.org/model.gguf --sha256 HEX', 'fetch any other'],
    ],
  });
  parent
    .command('ls')
    .description('list models')
    .option('--json', 'print one JSON object')
    .action((options: { json?: true }) => list(options.json === true));
  parent
    .command('pull <name>')
    .description('fetch a model of the list, or any GGUF file by its address')
    .option('--sha256 <hex>', 'what the file has to be')
    .option('--json', 'print one JSON object at the end')
    .action((name: string, options: { json?: true; sha256?: string }) => pull(name, options));
  for (const child of parent.commands) child.option('--verbose', 'show the cause of an error');
  return parent;
}

async function list(json: boolean): Promise<void> {
  const settings = settingsNow();
  const models = await listModels(settings);
  if (json) return printJson({ ...models, engine: engineKind(settings), graphicsCard: gpuAdvice(projectRoot) });
  const paint = painter(out);
  for (const line of [
    ...fileLines(models, paint),
    ...ollamaLines(models, settings, paint),
    ...catalogueLines(models, paint),
  ])
    print(line);
  const advice = gpuAdvice(projectRoot);
  if (advice === null) return;
  print();
  print(advice);
}

function fileLines({ files, folder }: ModelList, paint: Paint): string[] {
  if (files.length === 0) return [`No models yet in ${shown(folder)}.`];
  const rows = files.map((file) => fileRow(file, paint));
  return [paint('bold', 'On this machine'), ...table(rows)];
}

function fileRow({ path, model, problem, usedBy }: ModelFile, paint: Paint): string[] {
  const use = usedBy.length === 0 ? '' : paint('green', usedBy.join(', '));
  if (model === null) return [`  ${basename(path)}`, paint('red', 'unusable'), '', oneLine(problem ?? '', 200), use];
  return [
    `  ${basename(path)}`,
    bytes(model.bytes),
    `${model.architecture} ${size(model.parameters)} ${model.quantisation ?? ''}`.trim(),
    `needs about ${bytes(model.memoryBytes)}`,
    use,
  ];
}

function ollamaLines({ ollama }: ModelList, settings: Settings, paint: Paint): string[] {
  if (ollama === null) return [];
  const isUsed = engineKind(settings) === 'ollama';
  const where = new URL(ollama.baseUrl).host;
  const use = isUsed
    ? paint('green', 'LLM_ENGINE')
    : 'not used; set LLM_ENGINE=ollama to use it, OPENAI_MODEL to choose';
  const rows = ollama.models
    .slice(0, OLLAMA_SHOWN)
    .map((model) => [`  ${model.name}`, bytes(model.bytes), model.quantisation ?? '']);
  const more = ollama.models.length - rows.length;
  return [
    '',
    `${paint('bold', `Ollama at ${where}`)}, ${plural(ollama.models.length, 'model')}: ${use}`,
    ...table(rows),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function catalogueLines({ catalogue: known }: ModelList, paint: Paint): string[] {
  const rows = known.map((model) => [
    `  ${model.name}`,
    bytes(model.bytes),
    model.licence,
    model.what,
    model.fetched ? paint('green', 'fetched') : '',
  ]);
  return ['', paint('bold', hint('To fetch with `mesh models pull <name>`')), ...table(rows)];
}

async function pull(name: string, options: { json?: true; sha256?: string }): Promise<void> {
  const settings = settingsNow();
  const wanted = modelNamed(name);
  const sha256 = checksum(options.sha256) ?? wanted.sha256;
  const path = join(modelsFolder(settings.MESH_HOME), fileName(wanted.url));
  const line = statusLine(err);
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort(new CliError(1, 'stopped; the same command goes on from there'));
  process.once('SIGINT', onInterrupt);
  note(`fetching ${wanted.name} from ${new URL(wanted.url).host} (${wanted.licence})`);
  try {
    const pulled = await pullModel({
      ...{ url: wanted.url, path, signal: stop.signal },
      ...(sha256 === undefined ? {} : { sha256 }),
      onProgress: (progress) => line.set(barText(progress)),
    });
    line.clear();
    const setting = wanted.purpose === 'embedding' ? 'EMBEDDING_MODEL_PATH' : 'LLM_MODEL_PATH';
    const use = `${setting}=${basename(path)}`;
    if (options.json) return printJson({ path, use, ...pulled });
    for (const text of pulledLines(path, pulled)) print(text);
    print(hint(`Use it with ${use}, in .env for example; \`mesh down\` and \`mesh up\` take it.`));
  } catch (error) {
    if (error instanceof DownloadError) throw new CliError(3, error.message, { cause: error });
    throw error;
  } finally {
    line.clear();
    process.removeListener('SIGINT', onInterrupt);
  }
}

type Wanted = Pick<CatalogueModel, 'name' | 'url' | 'licence' | 'purpose' | 'sha256'>;

function modelNamed(name: string): Wanted {
  const known = catalogue.find((model) => model.name === name);
  if (known) return known;
  const url = URL.parse(name);
  if (url !== null && /^https?:$/.test(url.protocol) && /\.gguf$/i.test(url.pathname))
    return { name: fileName(name), url: name, licence: 'licence unknown', purpose: 'chat' };
  const names = catalogue.map((model) => model.name).join(', ');
  throw new CliError(
    2,
    `there is no model ${oneLine(name, 80)}; there are ${names}, or give the address of a .gguf file`,
  );
}

function checksum(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new CliError(2, '--sha256 takes 64 hexadecimal digits');
  return text.toLowerCase();
}

function pulledLines(path: string, { bytes: length, sha256, checkedWith, wasThere, resumedFrom }: Pulled): string[] {
  const how = {
    given: 'as it was given',
    server: 'as the server names it',
    nothing: 'which the server does not name: only that it is a whole model was checked',
  }[checkedWith];
  const resumed = !wasThere && resumedFrom > 0 ? `, ${bytes(resumedFrom)} of it from before` : '';
  return [
    `${shown(path)} ${wasThere ? 'is there already' : 'is there'}, ${bytes(length)}${resumed}`,
    `SHA-256 ${sha256}, ${how}`,
  ];
}

/** `━━━━━━────  12.0 MiB of 1.1 GiB` */
function barText({ done, total, trouble }: PullProgress): string {
  const paint = painter(err);
  const room = Math.max(20, columns(err) - BAR_COLUMNS - 4);
  const counts = total === null ? bytes(done) : `${bytes(done)} of ${bytes(total)}`;
  const text = oneLine(trouble === null ? counts : `${counts}; ${trouble}; trying again`, room);
  const full = total === null || total === 0 ? 0 : Math.round((done / total) * BAR_COLUMNS);
  return `${paint('green', '━'.repeat(full))}${paint('dim', '─'.repeat(BAR_COLUMNS - full))}  ${text}`;
}

function size(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)}B`;
  return parameters >= 1e6 ? `${Math.round(parameters / 1e6)}M` : `${Math.round(parameters / 1e3)}K`;
}

/** As short as it can be said from the project's root. */
function shown(path: string): string {
  const near = relative(meshFolder(), path);
  return near.startsWith('..') ? path : near;
}
