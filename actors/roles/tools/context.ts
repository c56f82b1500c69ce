/**
 * What the tools role knows of a hop, and of the deeds before it: the context of its machine, and what can be read off it.
 * Does not own: how it changes (`machine.ts`).
 */
import type {
  HopOutput,
  LlmRepliedData,
  Share,
  TokenUsage,
  ToolCall,
  ToolOffer,
} from '../../../schemas/events/generated.ts';
import type { Fence, Incoming } from '../../runtime/role.ts';
import { type HopContext, idleHop, requestOf } from '../hop.ts';

/** A tool with arguments that fit its schema. */
export interface ToolChoice {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
  readonly fence: Fence;
  /** It runs only when a person has said yes. */
  readonly asks?: boolean;
}

/** What a choice is made of, and for whom. */
export interface ToolRequest {
  readonly prompt: string;
  /** Absent in tasks of before release 4. */
  readonly share?: Share;
}

/** The words choose no tool, and a model may be asked. */
export interface ToolQuestion {
  /** Why, and how a request names a tool: what the task is told when the model chooses none either. */
  readonly unfit: string;
  readonly offers: readonly ToolOffer[];
}

/** What a model chose, before anybody has checked it; or what a person has said yes to. */
export interface ToolProposal {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

export interface ToolCheck extends ToolProposal {
  readonly share?: Share;
  readonly consented?: boolean;
}

/** A tool to run, and which deed of the task it is: the same for every attempt at the step in one round of a loop. */
export interface ToolRun extends ToolChoice {
  readonly deed: string;
  readonly share?: Share;
}

/** What a tool answered. */
export type ToolResult = Pick<ToolCall, 'result' | 'attachments'>;

/** A tool that may not be repeated was begun; `output` is what it made, or null when nobody knows. */
export interface Deed {
  readonly step: string;
  readonly loops: number;
  readonly output: HopOutput | null;
}

export interface ToolsContext extends HopContext {
  /** Review loops left when the hop was requested: tells the rounds of a loop apart. */
  readonly loops: number;
  readonly choice: ToolChoice | null;
  /** The last one begun. */
  readonly deed: Deed | null;
  /** Those begun before it, without what they made; absent in tasks before release 3. */
  readonly earlier?: readonly Deed[];
  // Snapshots from before a model could be asked have none of the following.
  /** The hop at work; tells a model's late reply to an earlier one apart. */
  readonly hop?: number;
  readonly unfit?: string | null;
  readonly proposal?: ToolProposal | null;
  /** The model's name, when it was one that chose. */
  readonly chosenBy?: string | null;
  /** What choosing it took. */
  readonly usage?: TokenUsage | null;
}

export const idle = {
  ...{ ...idleHop, loops: 0, choice: null, deed: null },
  ...{ hop: 0, unfit: null, proposal: null, chosenBy: null, usage: null },
} as const satisfies ToolsContext;

/** Time a model may take at least; half of the step's when that is more: the tool has to run in it as well. */
const CHOOSE_MS_MIN = 90_000;

export function chosen(context: ToolsContext): ToolChoice {
  if (!context.choice) throw new RangeError('no tool is chosen');
  return context.choice;
}

export function proposed(context: ToolsContext): ToolProposal {
  if (context.proposal == null) throw new RangeError('no tool is proposed');
  return context.proposal;
}

/** Unique in the task: step and attempt repeat when a loop goes round, the hop does not. */
export function requestId(context: ToolsContext): string {
  const { step, attempt } = requestOf(context);
  return `${context.hop ?? 0}.${step}.${attempt}`;
}

export function isAnswer(context: ToolsContext, { data }: Incoming<'llm.replied'>): boolean {
  return data.requestId === requestId(context);
}

export function chooseMs(context: ToolsContext): number {
  return Math.max(CHOOSE_MS_MIN, Math.round(requestOf(context).timeoutMs / 2));
}

/** What the model chose; null when it failed or found nothing that fits. */
export function proposalIn({ status, output }: LlmRepliedData): ToolProposal | null {
  if (status !== 'completed' || output?.tool === undefined) return null;
  return { name: output.tool.name, arguments: output.tool.arguments };
}

/** Whose work the hop is. */
export function shareOf(context: ToolsContext): { readonly share?: Share } {
  const { share } = requestOf(context);
  return share === undefined ? {} : { share };
}

export function checkOf(context: ToolsContext): ToolCheck {
  const { name, arguments: given } = proposed(context);
  const consented = requestOf(context).consented === undefined ? {} : { consented: true };
  return { name, arguments: given, ...shareOf(context), ...consented };
}
