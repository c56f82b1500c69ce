/**
 * What a tool has answered, as an answer to a person. Owns: the words around it, and when nobody has to put it into
 * others. Does not own: the tool, or a model's words.
 */
import type { HopInput, HopOutput } from '../../schemas/events/generated.ts';

/** A result of more than a line may have to be read for the caller; one line says it all. */
const LINE_CHARS_MAX = 300;

export function toolAnswer({ name, result }: { readonly name: string; readonly result: string }): string {
  const said = result.trimEnd();
  if (said.includes('\n')) return `The tool ${name} answered:\n\n\`\`\`\n${said}\n\`\`\``;
  return `The tool ${name} answered: ${said === '' ? '(nothing)' : said}`;
}

/**
 * The answer that is the tool's own word: the request named the tool, or its words meant it and it answered in one line.
 * Null when a model chose the tool, or when there is more to read.
 */
export function verbatimAnswer({ prompt, tool, note }: HopInput): HopOutput | null {
  if (tool === undefined || tool.chosenBy !== undefined || note !== undefined) return null;
  const isNamed = /^\s*tool:/i.test(prompt);
  const line = tool.result.trimEnd();
  if (!isNamed && (line.includes('\n') || line.length > LINE_CHARS_MAX)) return null;
  return {
    ...{ engine: `tool:${tool.name}`, summary: `Result of ${tool.name}.` },
    answer: { text: toolAnswer(tool), citations: [] },
  };
}
