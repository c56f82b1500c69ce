/**
 * The skill `tool`: choosing one of the tools that are offered, with its arguments. Owns: what the model is told, and that
 * without one nothing is chosen. Does not own: whether the arguments fit (each tool checks its own), or running it.
 */
import { noteSection } from '../../../prompting/sections.ts';
import type { Made, Reply, Skill, Skills } from '../../../prompting/skill.ts';
import { fromToolCalls, parseToolChoice } from '../../../prompting/tool-choice.ts';
import { degraded } from '../../../prompting/without-model.ts';
import type { ToolOffer } from '../../../schemas/events/generated.ts';

function read({ text, cut, toolCalls, tools }: Reply): Made {
  const how = { cut: cut !== null };
  const tool = toolCalls.length > 0 ? fromToolCalls(toolCalls, tools, how) : parseToolChoice(text, tools, how);
  return tool === null ? { summary: 'No tool fits.' } : { summary: `Chose ${tool.name}.`, tool };
}

function offered(tools: readonly ToolOffer[]): string[] {
  if (tools.length === 0) return [];
  const offers = tools.map(
    ({ name, description, inputSchema }) => `${name}: ${description}\nArguments: ${JSON.stringify(inputSchema)}`,
  );
  return ['Tools:', ...offers];
}

const VALUES = 'Take every value from the request; never invent one.';

const tool: Skill = {
  instructions: [
    'You choose the tool that does what is asked, and its arguments.',
    'Reply with one JSON object and nothing else: {"tool": name, "arguments": {…}}, the arguments by the schema of that tool, or {"tool": "none", "arguments": {}} when no tool fits.',
    VALUES,
  ].join(' '),
  instructionsForToolCalls: [
    'You choose the tool that does what is asked, and its arguments: call exactly one.',
    'When no tool fits, reply with the word none and nothing else.',
    VALUES,
  ].join(' '),
  sections: ({ input, tools }, toolsInText) => [
    ...(toolsInText ? offered(tools) : []),
    `Request:\n${input.prompt}`,
    ...noteSection(input),
  ],
  read,
  without(_asked, lack) {
    const why = lack.reason === 'no_model' ? '' : lack.message;
    const summary = `Choosing a tool takes a language model; without one the request has to name it. ${why}`;
    return { summary: summary.trim().slice(0, 1000), degraded: degraded(lack, 'nothing') };
  },
};

export const skills: Skills = { tool };
