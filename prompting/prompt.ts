/**
 * The chat messages for a request within a budget. Owns: the budget rule. Does not own: the wording (the skills), sending
 * the messages, or reading the reply.
 *
 * Budget, in characters or tokens: the instructions and the sections of the skill always stay whole. Passages are dropped,
 * lowest score first, until the rest fits, and the model is told how many were left out. When even that is too long,
 * EngineError `engine_prompt_too_large` says by how much. Messages that the asker brings stay whole.
 */
import type { LlmRequestedData, Passage } from '../schemas/events/generated.ts';
import { EngineError } from './engine-error.ts';
import { passageText } from './sections.ts';
import type { Asked, NamedSkill } from './skill.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface Prompt {
  readonly messages: ChatMessage[];
  /** The passages that stayed, in the order of their markers: [1] is the first. */
  readonly passages: Passage[];
  /** How many passages did not fit. */
  readonly leftOut: number;
}

/** What is to be written, by which skill. */
export interface TextRequest extends Pick<Asked, 'input'> {
  readonly skill: NamedSkill;
  /** In place of the skill's own. */
  readonly instructions?: string;
  /** What the model is told, when the asker brings that; the skill then reads the reply. */
  readonly messages?: LlmRequestedData['messages'];
  /** JSON Schema of what it is to write, in place of the skill's own form. */
  readonly format?: object;
  /** What may be chosen: the reply is then the choice of one. */
  readonly tools?: Asked['tools'];
}

/** What a prompt may be at most. */
export interface PromptBudget {
  readonly max: number;
  readonly unit: 'characters' | 'tokens';
  readonly measure: (messages: readonly ChatMessage[]) => number;
}

/** A budget for a model whose tokens cannot be counted here. */
export function characters(max: number): PromptBudget {
  const measure = (messages: readonly ChatMessage[]): number =>
    messages.reduce((sum, { content }) => sum + content.length, 0);
  return { max, unit: 'characters', measure };
}

/** Builds the messages within the budget. @param byApi the tools are offered by the API's own means, not in the text */
export function buildPrompt(request: TextRequest, budget: PromptBudget, byApi = false): Prompt {
  if (request.messages !== undefined) return brought(request.messages, budget);
  const { input, tools = [], skill: named, instructions } = request;
  const { skill } = named;
  const own = byApi ? (skill.instructionsForToolCalls ?? skill.instructions) : skill.instructions;
  const system: ChatMessage = { role: 'system', content: instructions ?? own };
  const fixed = skill.sections({ input, tools }, !byApi);
  let kept = skill.withPassages === true ? [...(input.passages ?? [])] : [];
  const possible = kept.length;
  for (;;) {
    const content = userContent(fixed, kept, possible - kept.length);
    const messages: ChatMessage[] = [system, { role: 'user', content }];
    const length = budget.measure(messages);
    if (length <= budget.max) return { messages, passages: kept, leftOut: possible - kept.length };
    if (kept.length === 0) throw tooLarge(length, budget);
    const lowest = kept.reduce((worst, passage) => (passage.score <= worst.score ? passage : worst));
    kept = kept.filter((passage) => passage !== lowest);
  }
}

/** The asker's own messages, whole. */
function brought(messages: readonly ChatMessage[], budget: PromptBudget): Prompt {
  const length = budget.measure(messages);
  if (length > budget.max) throw tooLarge(length, budget);
  return { messages: [...messages], passages: [], leftOut: 0 };
}

function tooLarge(length: number, { max, unit }: PromptBudget): EngineError {
  return new EngineError(
    'engine_prompt_too_large',
    `The request needs ${length} ${unit} without any passage and the model is given at most ${max}. Ask in parts, or raise the model's context size.`,
    { retryable: false },
  );
}

function userContent(fixed: readonly string[], passages: readonly Passage[], leftOut: number): string {
  const sections = [...fixed];
  if (passages.length > 0) sections.unshift(['Passages:', ...passages.map(passageText)].join('\n\n'));
  if (leftOut > 0) {
    sections.push(`(${leftOut} more ${leftOut === 1 ? 'passage was' : 'passages were'} left out for lack of room.)`);
  }
  return sections.join('\n\n');
}
