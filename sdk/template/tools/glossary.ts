/** Looks a word up: `mesh run 'tool:glossary {"word": "mesh"}'`. */
import { defineTool, ToolError } from 'agent-mesh';
import { inGerman } from './words.ts';

export const glossary = defineTool<{ word: string }>({
  name: 'glossary',
  description: 'Says what an English word is in German.',
  input: {
    type: 'object',
    properties: { word: { type: 'string', minLength: 1, maxLength: 100 } },
    required: ['word'],
    additionalProperties: false,
  },
  // Nothing outside changes, so it may be repeated. A tool that leaves a trace is `keyed` or `once`.
  fence: 'pure',
  run({ word }) {
    const found = inGerman(word);
    if (found === null) throw new ToolError('tool_not_found', `The glossary has no word ${word}.`);
    return `${word} is ${found}`;
  },
});
