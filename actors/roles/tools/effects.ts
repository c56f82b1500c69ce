/**
 * Chooses and runs tools. Owns: how a tool's own words about repetition become a fence. Does not own: the tools.
 */
import { attribute } from '../../../telemetry/spans.ts';
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import type { chooseTool } from './builtin/index.ts';
import { type Tool, ToolError } from './builtin/port.ts';
import type { ToolChoice, ToolRun } from './machine.ts';

const CHOOSE_TIMEOUT_MS = 5000;
const RUN_TIMEOUT_MS = 60_000;

/** A tool's error says what happened, so it is certain, except where it says that it is not. */
function certain(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.code === 'tool_outcome_unknown') return error;
  return new EffectError(error.code, error.message, { retryable: error.retryable, cause: error });
}

/** Tools load at their first use: building the calculator takes most of a second, and a restart must be quick. */
function openTools({ tools }: RolePorts): () => Promise<{ all: readonly Tool[]; choose: typeof chooseTool }> {
  let opened: Promise<{ all: readonly Tool[]; choose: typeof chooseTool }> | undefined;
  const open = async () => {
    const builtin = await import('./builtin/index.ts');
    return { all: builtin.builtinTools({ allowHosts: tools.allowHosts }), choose: builtin.chooseTool };
  };
  return () => {
    opened ??= open();
    return opened;
  };
}

export function createEffects(ports: RolePorts): EffectHandlers {
  const tools = openTools(ports);
  const names = (all: readonly Tool[]): string => all.map(({ name }) => name).join(', ');
  return {
    choose: effect<{ prompt: string }, ToolChoice>(
      { fence: 'pure', timeoutMs: CHOOSE_TIMEOUT_MS },
      async ({ prompt }) => {
        const { all, choose } = await tools();
        try {
          const choice = choose(all, prompt);
          if (!choice) throw new EffectError('no_tool', `no tool fits; name one: tool:<name> {…}, with ${names(all)}`);
          return { name: choice.tool.name, fence: choice.tool.fence, arguments: choice.arguments };
        } catch (error) {
          throw certain(error);
        }
      },
    ),
    run: effect<ToolRun, { result: string }>(
      { fence: (choice) => choice.fence, timeoutMs: RUN_TIMEOUT_MS },
      async (choice, { correlationId, signal, heartbeat, span }) => {
        span.set({ [attribute.operation]: 'execute_tool', [attribute.toolName]: choice.name });
        const { all } = await tools();
        const tool = all.find(({ name }) => name === choice.name);
        if (!tool) throw new EffectError('tool_unknown', `there is no tool ${choice.name}; tools are ${names(all)}`);
        try {
          return {
            result: await tool.run(choice.arguments, {
              signal,
              idempotencyKey: `${correlationId}/${choice.deed}`,
              heartbeat,
            }),
          };
        } catch (error) {
          throw certain(error);
        }
      },
    ),
  };
}
