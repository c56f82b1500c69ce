/**
 * What `mesh doctor` says of the language model. Owns: looking at the configured one, and at what could be configured.
 * Does not own: the report.
 */
import { meshFolder, projectRoot, type Settings } from '../config/settings.ts';
import { ModelError } from '../gguf-models/errors.ts';
import { modelPath } from '../gguf-models/files.ts';
import { readGgufInfo } from '../gguf-models/gguf.ts';
import { gpuAdvice } from '../gguf-models/gpu.ts';
import { memoryOf } from '../gguf-models/memory.ts';
import { engineKind } from '../services/adapters/engine-kind.ts';
import { findOllama, ollamaOrigin } from '../services/adapters/ollama.ts';
import type { Check } from './doctor-checks.ts';
import { bytes, plural } from './terminal.ts';

const NAME = 'language model';
const ENDPOINT_TIMEOUT_MS = 4000;

export async function languageModel(settings: Settings): Promise<Check> {
  const kind = engineKind(settings);
  switch (kind) {
    case 'llama':
      return settings.LLM_MODEL_PATH === undefined
        ? warn('LLM_ENGINE=llama needs LLM_MODEL_PATH; answers quote the knowledge base')
        : file(settings, settings.LLM_MODEL_PATH);
    case 'openai':
      return settings.OPENAI_BASE_URL === undefined
        ? warn('LLM_ENGINE=openai needs OPENAI_BASE_URL; answers quote the knowledge base')
        : endpoint(settings, settings.OPENAI_BASE_URL);
    case 'ollama': {
      const origin = ollamaOrigin(settings.OLLAMA_HOST);
      return origin === null
        ? warn('OLLAMA_HOST is not an address; answers quote the knowledge base')
        : ollama(settings, new URL(origin).host);
    }
    case 'extractive':
      return none(settings);
    default:
      throw new RangeError(`There is no engine ${String(kind satisfies never)}.`);
  }
}

/** Null when there is nothing to say. */
export function graphicsCard(): Check | null {
  const advice = gpuAdvice(projectRoot);
  return advice === null ? null : { name: 'graphics card', status: 'ok', text: advice };
}

function warn(text: string): Check {
  return { name: NAME, status: 'warn', text };
}

async function file(settings: Settings, named: string): Promise<Check> {
  try {
    const info = await readGgufInfo(modelPath(named, { root: meshFolder(), home: settings.MESH_HOME }));
    const contextSize = Math.min(settings.LLM_CONTEXT_SIZE, info.contextLength ?? settings.LLM_CONTEXT_SIZE);
    const shape = { contextSize, contexts: settings.LLM_PARALLEL, batchSize: settings.LLM_BATCH_SIZE };
    const size = `${info.architecture}${info.quantisation === null ? '' : ` ${info.quantisation}`}, ${bytes(info.bytes)}`;
    const needs = `about ${bytes(memoryOf(info, shape).total)} of memory with ${plural(shape.contexts, 'context')} of ${contextSize} tokens`;
    return { name: NAME, status: 'ok', text: `${info.name ?? info.path} (${size}), ${needs}` };
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return warn(`LLM_MODEL_PATH: ${error.message}; until then answers quote the knowledge base`);
  }
}

async function endpoint(settings: Settings, url: string): Promise<Check> {
  const shown = new URL(url).host;
  try {
    const key = settings.OPENAI_API_KEY;
    const response = await fetch(`${url.replace(/\/$/, '')}/models`, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(ENDPOINT_TIMEOUT_MS),
    });
    if (response.ok)
      return { name: NAME, status: 'ok', text: `${shown}, ${settings.OPENAI_MODEL ?? 'its first model'}` };
    return warn(`${shown} answers ${response.status}; check OPENAI_BASE_URL and OPENAI_API_KEY`);
  } catch {
    return warn(`${shown} does not answer; check OPENAI_BASE_URL, or start it`);
  }
}

/** By Ollama's own API, as the engine asks it; what has not been pulled is said before the first question fails by it. */
async function ollama({ OLLAMA_HOST: host, OPENAI_MODEL: model }: Settings, shown: string): Promise<Check> {
  const found = await findOllama(host);
  if (found === null) return warn(`no Ollama answers at ${shown}; check OLLAMA_HOST, or start it (\`ollama serve\`)`);
  const names = found.models.map(({ name }) => name);
  if (names.length === 0) return warn(`the Ollama at ${shown} has no model: \`ollama pull ${model ?? 'NAME'}\``);
  if (model === undefined) return { name: NAME, status: 'ok', text: `Ollama at ${shown}, its first chat model` };
  // A name without a tag is that of the latest.
  if (names.includes(model) || names.includes(`${model}:latest`))
    return { name: NAME, status: 'ok', text: `Ollama at ${shown}, ${model}` };
  return warn(
    `the Ollama at ${shown} has no ${model}: \`ollama pull ${model}\`, or set OPENAI_MODEL to ${names
      .filter((name) => !/embed/i.test(name))
      .slice(0, 5)
      .join(', ')}`,
  );
}

/** Ollama is never used unasked, but whoever has it should know that one line is missing. */
async function none(settings: Settings): Promise<Check> {
  const ollama = await findOllama(settings.OLLAMA_HOST);
  if (ollama !== null && settings.LLM_ENGINE === 'auto') {
    const where = new URL(ollama.baseUrl).host;
    return warn(
      `none is set, but Ollama answers at ${where} with ${plural(ollama.models.length, 'model')}: set LLM_ENGINE=ollama to use it`,
    );
  }
  return warn(
    'none: answers quote the knowledge base; for generated ones `mesh models pull`, or set OPENAI_BASE_URL (Ollama, vLLM, llama-server)',
  );
}
