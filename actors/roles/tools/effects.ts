/**
 * Chooses, checks and runs tools. Owns: how a tool's own words about repetition become a fence, and whether a model is
 * to be asked. Does not own: the tools.
 */
import { attribute } from '../../../telemetry/spans.ts';
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import { turnOf } from '../share.ts';
import { ToolError } from './builtin/port.ts';
import type { ToolCheck, ToolChoice, ToolQuestion, ToolRequest, ToolResult, ToolRun } from './context.ts';

/** Longer than the tools wait for a server that is starting. */
const CHOOSE_TIMEOUT_MS = 25_000;
/** Longer than any tool may take by its own cap, shorter than the step may (actors/workflows/tool.json). */
const RUN_TIMEOUT_MS = 115_000;
/** Each tool has a lane of its own, so that a slow one keeps no other from running (guard.ts). */
const CONCURRENCY_MAX = 64;

/** A tool's error says what happened, so it is certain, except where it says that it is not. */
function certain(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.code === 'tool_outcome_unknown') return error;
  return new EffectError(error.code, error.message, { retryable: error.retryable, cause: error });
}

interface Ports extends Pick<RolePorts, 'tools'> {
  readonly llm: Pick<RolePorts['llm'], 'engine'>;
}

export function createEffects({ tools, llm }: Ports): EffectHandlers {
  return {
    choose: effect<ToolRequest, ToolChoice | ToolQuestion>(
      { fence: 'pure', timeoutMs: CHOOSE_TIMEOUT_MS, concurrencyMax: CONCURRENCY_MAX },
      async ({ prompt, ...whose }) => {
        try {
          return await tools.choose(prompt, whose);
        } catch (error) {
          const isUnfit = error instanceof ToolError && error.code === 'no_tool';
          // Every process has the same settings, so this one knows whether the llm service has a model to ask.
          if (!isUnfit || llm.engine === null) throw certain(error);
          const { offers, leftOut } = await tools.offers(prompt, whose);
          const bound = leftOut === 0 ? '' : ` A model is offered the likeliest ${offers.length}.`;
          return { unfit: `${error.message}${bound}`, offers };
        }
      },
    ),
    check: effect<ToolCheck, ToolChoice>(
      { fence: 'pure', timeoutMs: CHOOSE_TIMEOUT_MS, concurrencyMax: CONCURRENCY_MAX },
      async ({ name, arguments: given, ...whose }) => {
        try {
          return await tools.check(name, given, whose);
        } catch (error) {
          throw certain(error);
        }
      },
    ),
    run: effect<ToolRun, ToolResult>(
      {
        ...{ fence: (choice) => choice.fence, share: (choice) => turnOf(choice.share) },
        ...{ timeoutMs: RUN_TIMEOUT_MS, concurrencyMax: CONCURRENCY_MAX },
      },
      async (choice, { correlationId, signal, heartbeat, waits, log, span }) => {
        span.set({
          [attribute.operation]: 'execute_tool',
          [attribute.toolName]: choice.name,
          [attribute.toolType]: 'function',
        });
        span.content?.(() => ({ [attribute.toolArguments]: JSON.stringify(choice.arguments) }));
        const idempotencyKey = `${correlationId}/${choice.deed}`;
        const { fence, share } = choice;
        const call = { ...{ signal, idempotencyKey, heartbeat, waits, log, span, fence }, share: turnOf(share) };
        try {
          const answer = await tools.run(choice.name, choice.arguments, call);
          if (typeof answer === 'string') return { result: answer };
          const attachments = [...answer.attachments];
          return { result: answer.text, ...(attachments.length === 0 ? {} : { attachments }) };
        } catch (error) {
          throw certain(error);
        }
      },
    ),
  };
}
