/**
 * What a model is offered to choose from. Owns: which tools, and how much of each, when not all fit. Pure. Does not own:
 * the tools, or the prompt around them (roles/llm).
 *
 * Reading a prompt is most of what a choice costs on a CPU, and a context has an end, so the offers are bounded. Those
 * that share words with the request come first; a tool is offered whole or not at all, since half a schema misleads.
 */
import type { ToolOffer } from '../../../schemas/events/generated.ts';
import type { Tool } from './builtin/port.ts';

/** Some 2,500 tokens: a third of the default context. The built-in tools take 5,200 characters of it. */
const OFFERS_CHARS_MAX = 8000;
const OFFERS_MAX = 64;
/** Of a description; what a tool does is said at its beginning. */
const DESCRIPTION_CHARS_MAX = 600;
const NAME_CHARS_MAX = 200;
/** Shorter words, and those beyond this many of a prompt, tell little. */
const WORD_CHARS_MIN = 3;
const PROMPT_CHARS_MAX = 8000;

export interface Offers {
  readonly offers: readonly ToolOffer[];
  /** Tools that there was no room for. */
  readonly leftOut: number;
}

export function offersFor(prompt: string, tools: readonly Tool[]): Offers {
  const asked = wordsOf(prompt.slice(0, PROMPT_CHARS_MAX));
  const ranked = tools
    .filter(({ name }) => name.length <= NAME_CHARS_MAX)
    .map((tool) => ({ tool, shared: sharedWith(asked, tool) }))
    .sort((a, b) => b.shared - a.shared);
  const offers: ToolOffer[] = [];
  let room = OFFERS_CHARS_MAX;
  for (const { tool } of ranked) {
    const offer = offerOf(tool);
    const length = JSON.stringify(offer).length;
    if (length > room) continue;
    offers.push(offer);
    room -= length;
    if (offers.length === OFFERS_MAX) break;
  }
  return { offers, leftOut: tools.length - offers.length };
}

function sharedWith(asked: ReadonlySet<string>, { name, description }: Tool): number {
  return [...wordsOf(`${name} ${description}`)].filter((word) => asked.has(word)).length;
}

function offerOf({ name, description, inputSchema }: Tool): ToolOffer {
  return { name, description: description.slice(0, DESCRIPTION_CHARS_MAX), inputSchema: { ...inputSchema } };
}

function wordsOf(text: string): Set<string> {
  const words = text.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return new Set(words.filter((word) => word.length >= WORD_CHARS_MIN));
}
