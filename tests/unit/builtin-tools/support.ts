/** What the tests of the built-in tools share: calling one as the role does. */
import { builtinTools, chooseTool, type Tool, type ToolContext } from '../../../actors/roles/tools/builtin/index.ts';

export const context: ToolContext = {
  signal: new AbortController().signal,
  idempotencyKey: 'key-1',
  heartbeat: () => undefined,
};

export function toolNamed(tools: readonly Tool[], name: string): Tool {
  const tool = tools.find((one) => one.name === name);
  if (!tool) throw new Error(`no tool ${name}`);
  return tool;
}

/** `name: answer` of the tool that a prompt in plain words chooses, or null. */
export async function ask(prompt: string, options: Parameters<typeof builtinTools>[0]): Promise<string | null> {
  const chosen = await chooseTool(builtinTools(options), prompt);
  return chosen === null ? null : `${chosen.tool.name}: ${await chosen.tool.run(chosen.arguments, context)}`;
}
