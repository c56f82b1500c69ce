/**
 * What the tools role says: to the orchestrator, and to the llm that it asks for a choice. Owns: the data of each. Does
 * not own: when it is said (`machine.ts`).
 */
import type {
  ErrorInfo,
  HopOutput,
  HopRequestedData,
  LlmRepliedData,
  ToolConsent,
  ToolOffer,
} from '../../../schemas/events/generated.ts';
import { type Outgoing, out } from '../../runtime/role.ts';
import { completed, failed, requestOf, standingOf, type Wanted } from '../hop.ts';
import {
  chooseMs,
  chosen,
  type Deed,
  proposed,
  requestId,
  type ToolChoice,
  type ToolResult,
  type ToolsContext,
} from './context.ts';

const SUMMARY_CHARS_MAX = 1000;
const MESSAGE_CHARS_MAX = 8000;

export function outputOf(context: ToolsContext, { result, attachments }: ToolResult, saysWho: boolean): HopOutput {
  const { name, arguments: given } = chosen(context);
  const by = context.chosenBy == null ? '' : `, chosen by ${context.chosenBy}`;
  const summary = `${name} ran${by}`.slice(0, SUMMARY_CHARS_MAX);
  const who = saysWho && context.chosenBy != null ? { chosenBy: context.chosenBy.slice(0, 200) } : {};
  const spent = context.usage == null ? {} : { usage: context.usage };
  const attached = attachments === undefined ? {} : { attachments };
  return { engine: `tool:${name}`, summary, tool: { name, arguments: given, ...who, result, ...attached }, ...spent };
}

export function ask(context: ToolsContext, offers: readonly ToolOffer[], wants: Wanted): Outgoing {
  const { prompt, note } = requestOf(context).input;
  const input = { prompt, ...(note === undefined ? {} : { note }) };
  const asked = { requestId: requestId(context), ...wants, input, tools: [...offers] };
  return out('llm.requested', 'llm', { ...asked, timeoutMs: chooseMs(context), ...standingOf(requestOf(context)) });
}

/** No tool was chosen by words, nor by a model. */
export function unchosen(context: ToolsContext, why: string): Outgoing {
  const message = `${context.unfit ?? 'no tool fits this request.'} A language model was asked: ${why}`;
  return failed(context, { code: 'no_tool', message: message.slice(0, MESSAGE_CHARS_MAX), retryable: false });
}

export function whyNone({ error, output }: LlmRepliedData): string {
  return error?.message ?? output?.summary ?? 'it said nothing';
}

/** What was checked cannot be run. */
export function unchecked(context: ToolsContext, error: ErrorInfo): Outgoing {
  return requestOf(context).consented === undefined
    ? unchosen(context, refused(context, error))
    : failed(context, { ...error, message: `${proposed(context).name}: ${error.message}` });
}

/** A proposal that the tool refuses. */
function refused(context: ToolsContext, error: ErrorInfo): string {
  return `its choice${context.chosenBy == null ? '' : ` (${context.chosenBy})`} cannot be run. ${error.message}`;
}

/** The hop ends, and a person is asked whether the tool may act. */
export function consentNeeded(context: ToolsContext, { name, arguments: given }: ToolChoice): Outgoing {
  const { step, attempt } = requestOf(context);
  const chosenBy = context.chosenBy == null ? {} : { chosenBy: context.chosenBy.slice(0, 200) };
  const error = { code: 'consent_needed', message: `${name} acts outside: a person is asked first`, retryable: false };
  const consent: ToolConsent = { name, arguments: given, ...chosenBy };
  return out('hop.replied', 'orchestrator', { step, attempt, status: 'failed', error, consent });
}

/** What became of the deed: its result again, or that nobody knows (S6). */
export function tellDeed(deed: Deed | null, request: HopRequestedData): Outgoing {
  if (deed?.output) return completed({ request }, deed.output);
  const message = 'it was begun before, and it may not be repeated';
  return failed({ request }, { code: 'outcome_unknown', message, retryable: false });
}

/** Asked to stop: what had been begun of the hop is said, for whoever looks after a deed that was cut off (S6). */
export function stoppedAt(context: ToolsContext): Outgoing {
  const { choice } = context;
  if (choice === null || choice.fence === 'pure')
    return failed(context, { code: 'cancelled', message: 'nothing was done', retryable: false });
  return failed(context, { code: 'outcome_unknown', message: `${choice.name} had begun`, retryable: false });
}
