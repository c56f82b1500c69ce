/**
 * Chooses and runs tools. Owns: how a tool's own words about repetition become a fence. Does not own: the tools.
 */
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import { chooseTool } from './builtin/index.ts';
import { type Tool, ToolError } from './builtin/port.ts';
import type { ToolChoice } from './machine.ts';

const CHOOSE_TIMEOUT_MS = 5000;
const RUN_TIMEOUT_MS = 60_000;

/** A tool's error says what happened, so it is certain, except where it says that it is not. */
function certain(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.code === 'tool_outcome_unknown') return error;
  return new EffectError(error.code, error.message, { retryable: error.retryable, cause: error });
}

export function createEffects({ tools }: RolePorts): EffectHandlers {
  const byName = (name: string): Tool => {
    const tool = tools.find((candidate) => candidate.name === name);
    if (!tool)
      throw new EffectError(
        'tool_unknown',
        `there is no tool ${name}; tools are ${tools.map((one) => one.name).join(', ')}`,
      );
    return tool;
  };
  return {
    choose: effect<{ prompt: string }, ToolChoice>(
      { fence: 'pure', timeoutMs: CHOOSE_TIMEOUT_MS },
      async ({ prompt }) => {
        const choice = chooseTool(tools, prompt);
        if (!choice) {
          throw new EffectError(
            'no_tool',
            `no tool fits; name one: tool:<name> {…}, with ${tools.map((one) => one.name).join(', ')}`,
          );
        }
        const { name, fence } = choice.tool;
        return { name, fence, arguments: choice.arguments };
      },
    ),
    run: effect<ToolChoice, { result: string }>(
      { fence: (choice) => choice.fence, timeoutMs: RUN_TIMEOUT_MS },
      async (choice, { key, signal, heartbeat }) => {
        const tool = byName(choice.name);
        try {
          return { result: await tool.run(choice.arguments, { signal, idempotencyKey: key, heartbeat }) };
        } catch (error) {
          throw certain(error);
        }
      },
    ),
  };
}
