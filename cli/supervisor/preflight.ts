/**
 * What the settings name, looked at before anything is started. Owns: refusing a start that can never give what was asked
 * for, in one sentence with what to do. Does not own: settings that are wrong by themselves (config/settings.ts), or what
 * does not answer now: a tool server, an endpoint. That is told as not ready, and may come.
 *
 * A mesh that runs goes on when a file goes wrong under it; what is wrong is told with its services then.
 */
import { resolve } from 'node:path';
import { meshFolder, type Settings } from '../../config/settings.ts';
import { ModelError } from '../../gguf-models/errors.ts';
import { modelPath } from '../../gguf-models/files.ts';
import { readMcpConfig } from '../../mcp/client/config.ts';
import { type EngineKind, engineKind } from '../../services/adapters/engine-kind.ts';
import { ollamaOrigin } from '../../services/adapters/ollama.ts';
import { CliError } from '../errors.ts';

/** What is no mistake for certain, and yet surprises; for people. @throws CliError with exit code 2 */
export async function assertUsable(settings: Settings): Promise<readonly string[]> {
  assertToolServers(settings);
  const kind = engineKind(settings);
  assertEngine(settings, kind);
  for (const [setting, path] of modelFiles(settings, kind)) await assertModel(setting, path);
  return surprises(settings, kind);
}

function assertToolServers(settings: Settings): void {
  const { problems } = readMcpConfig(settings.MESH_MCP_CONFIG, (process.env.MESH_MCP_CONFIG ?? '') !== '');
  const [first, ...others] = problems;
  if (first === undefined) return;
  const isEntry = first.includes(': server ');
  const advice = isEntry ? 'put it right, or leave that server out with "disabled": true' : 'put it right';
  throw new CliError(2, `${first}; ${advice}`, { details: others });
}

function assertEngine(settings: Settings, kind: EngineKind): void {
  const lacks =
    (kind === 'llama' &&
      settings.LLM_MODEL_PATH === undefined &&
      'LLM_ENGINE=llama needs LLM_MODEL_PATH, a GGUF file') ||
    (kind === 'openai' && settings.OPENAI_BASE_URL === undefined && 'LLM_ENGINE=openai needs OPENAI_BASE_URL') ||
    (kind === 'ollama' && ollamaOrigin(settings.OLLAMA_HOST) === null && 'OLLAMA_HOST is not an address');
  if (lacks) throw new CliError(2, `${lacks}; \`mesh doctor\` says which models there are`);
}

/** Those that will be opened, by the settings that name them. */
function modelFiles(settings: Settings, kind: EngineKind): readonly (readonly [string, string])[] {
  const places = { root: meshFolder(), home: settings.MESH_HOME };
  const { LLM_MODEL_PATH: llm, ROUTER_MODEL_PATH: router, EMBEDDING_MODEL_PATH: embedding } = settings;
  // A name may be that of a fetched file; the others are paths.
  const inFolder = (path: string) => resolve(places.root, path);
  return [
    ...(kind === 'llama' && llm !== undefined ? [['LLM_MODEL_PATH', modelPath(llm, places)] as const] : []),
    ...(router !== undefined && settings.ROUTER_URL === undefined
      ? [['ROUTER_MODEL_PATH', inFolder(router)] as const]
      : []),
    ...(embedding === undefined ? [] : [['EMBEDDING_MODEL_PATH', inFolder(embedding)] as const]),
  ];
}

async function assertModel(setting: string, path: string): Promise<void> {
  const { readGgufInfo } = await import('../../gguf-models/gguf.ts');
  try {
    await readGgufInfo(path);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new CliError(2, `${setting}: ${error.message}; or leave ${setting} out`, { cause: error });
  }
}

function surprises(settings: Settings, kind: EngineKind): readonly string[] {
  const { MESH_TASK_DEADLINE_MS: taskMs, LLM_TIMEOUT_MS: generationMs } = settings;
  if (kind === 'extractive' || taskMs > generationMs) return [];
  return [
    `MESH_TASK_DEADLINE_MS=${taskMs} ends a task before one generation may end (LLM_TIMEOUT_MS=${generationMs}): a slow answer fails its task; lower LLM_TIMEOUT_MS, and the embedded engine answers in time`,
  ];
}
