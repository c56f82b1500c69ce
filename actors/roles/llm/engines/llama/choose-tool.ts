/**
 * Chooses a tool by grammar, in two steps: which, then its arguments. Owns: the two steps. Does not own: what a schema
 * becomes in a grammar (tool-schema.ts), or whether the arguments are right; the tool checks that.
 *
 * Two steps, because the form of the arguments follows from the tool, and one grammar of all tools together would grow
 * with every one that is added.
 */

import { EngineError } from '../../../../../prompting/engine-error.ts';
import { isRecord } from '../../../../../prompting/json-reply.ts';
import type { ChatMessage, Prompt } from '../../../../../prompting/prompt.ts';
import { NO_TOOL } from '../../../../../prompting/tool-choice.ts';
import type { ToolOffer } from '../../../../../schemas/events/generated.ts';
import type { EngineRequest } from '../port.ts';
import { argumentsSchema, toolNameSchema } from '../tool-schema.ts';
import { type GenerateOptions, type Generation, generate } from './generate.ts';
import type { LoadedModel } from './load.ts';

type Shared = Pick<GenerateOptions, 'sequence' | 'sampling' | 'signal'>;

/** A completion in the form that any other model would be asked for. */
export async function chooseTool(
  loaded: LoadedModel,
  { tools = [] }: EngineRequest,
  { messages }: Pick<Prompt, 'messages'>,
  shared: Shared,
): Promise<Generation> {
  const { llama } = loaded.model;
  const naming = await llama.createGrammarForJsonSchema(toolNameSchema(tools));
  const named = await generate(loaded, { ...shared, messages: asking(messages, 'Name the tool.'), grammar: naming });
  const name = read(named).tool;
  if (name === NO_TOOL) return { ...named, text: JSON.stringify({ tool: name, arguments: {} }) };
  const tool = tools.find((offered): offered is ToolOffer => offered.name === name);
  if (tool === undefined) throw unreadable(named);
  const grammar = await llama.createGrammarForJsonSchema(argumentsSchema(tool.inputSchema));
  const question = `The tool is ${tool.name}. Give its arguments, as one JSON object.`;
  const given = await generate(loaded, { ...shared, messages: asking(messages, question), grammar });
  return { ...given, text: JSON.stringify({ tool: tool.name, arguments: read(given) }) };
}

function asking(messages: readonly ChatMessage[], question: string): ChatMessage[] {
  return messages.map((message, index) =>
    index === messages.length - 1 ? { ...message, content: `${message.content}\n\n${question}` } : message,
  );
}

function read(generation: Generation): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(generation.text);
    if (isRecord(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadable(generation);
}

/** Held to a grammar, an answer is only ever unreadable when it was cut. */
function unreadable({ cut }: Generation): EngineError {
  const why = cut ? 'used up its tokens before it had chosen a tool. Raise LLM_MAX_TOKENS' : 'did not choose a tool';
  return new EngineError('engine_bad_answer', `The model ${why}.`, { retryable: true });
}
