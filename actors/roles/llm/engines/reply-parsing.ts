/**
 * Reads what a model wrote: code and explanation, citations, a review.
 * Owns the tolerance towards models that do not quite follow the form; an empty reply is the only bad one.
 */
import type {
  Answer,
  Citation,
  CodeArtifact,
  Finding,
  HopInput,
  Passage,
  Review,
  ToolCall,
  ToolOffer,
} from '../../../../schemas/events/generated.ts';
import { fencedBlocks, withoutFencedBlocks } from '../../reviewer/checks/fenced-blocks.ts';
import { guessLanguage, languageInPrompt } from '../../reviewer/checks/languages.ts';
import { EngineError } from './port.ts';

/** What a model says instead of a tool's name when no tool fits. */
export const NO_TOOL = 'none';

/** Limits of schemas/events/data/common.v1.json. */
const MAX = { codeCitations: 20, answerCitations: 50, explanationChars: 20_000, findings: 100, messageChars: 4000 };
const SUMMARY_CHARS_MAX = 8000;

/** Removes the thinking of reasoning models; what is left is the reply. */
export function withoutThinking(text: string): string {
  return text.replace(/^\s*<think(?:ing)?>[\s\S]*?(?:<\/think(?:ing)?>|$)\s*/i, '');
}

/** The passages named by [n] markers, each once, in the order of their numbers; markers without a passage are left out. */
function citationsIn(text: string, passages: readonly Passage[]): Citation[] {
  const markers = [...text.matchAll(/\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g)].flatMap((match) =>
    (match[1] ?? '').split(',').map((number) => Number(number)),
  );
  const distinct = [...new Set(markers)].sort((a, b) => a - b);
  return distinct.flatMap((marker) => {
    const passage = passages[marker - 1];
    if (passage === undefined) return [];
    const { path, heading, startLine, endLine } = passage;
    return [{ marker, path, heading, startLine, endLine }];
  });
}

export function parseAnswer(text: string, passages: readonly Passage[]): Answer {
  const said = text.trim();
  return { text: said, citations: citationsIn(said, passages).slice(0, MAX.answerCitations) };
}

/** The longest fenced block is the code, what stands around it the explanation; without a fence all of it is code. */
export function parseCode(text: string, input: HopInput, passages: readonly Passage[]): CodeArtifact {
  const blocks = fencedBlocks(text).filter((block) => block.text.trim() !== '');
  const block = blocks.reduce((best, other) => (other.text.length > best.text.length ? other : best), {
    language: '',
    text: '',
    closed: true,
  });
  const hasBlock = block.text !== '';
  const source = hasBlock ? block.text : text.trim();
  const asked = languageInPrompt(input.prompt) ?? input.code?.language;
  const language = block.language !== '' ? block.language : (asked ?? guessLanguage(source) ?? 'typescript');
  const around = hasBlock ? withoutFencedBlocks(text).trim() : '';
  const cut = block.closed ? '' : ' The reply ended inside the code.';
  const explanation = `${around === '' ? 'The model gave no explanation.' : around}${cut}`;
  return {
    language,
    text: `${source.trimEnd()}\n`,
    attempt: (input.code?.attempt ?? 0) + 1,
    explanation: explanation.slice(0, MAX.explanationChars),
    citations: citationsIn(around, passages).slice(0, MAX.codeCitations),
  };
}

/**
 * The review in a reply. A reply in another form blocks nothing: it becomes a remark beside the static checks, since
 * small models often write prose.
 */
export function parseReview(text: string, engine: string): Review {
  const value = jsonObjectIn(text);
  const findings = value === null ? [] : findingsOf(value.findings);
  const verdict = value?.verdict;
  if (value === null || (verdict !== 'approved' && verdict !== 'changes_requested')) {
    const remark: Finding = { severity: 'info', line: 0, rule: 'model-remark', message: clipped(text.trim()) };
    const summary =
      'The model gave no verdict in the asked form; its remark is kept and only the static checks decide.';
    return { verdict: 'approved', findings: [remark], summary, checkedBy: [engine] };
  }
  const said = typeof value.summary === 'string' ? value.summary.trim() : '';
  const summary = (said === '' ? `The model's verdict is ${verdict}.` : said).slice(0, SUMMARY_CHARS_MAX);
  return { verdict, findings, summary, checkedBy: [engine] };
}

/** The chosen tool with its arguments; null when none fits. The tool itself checks the arguments. @throws EngineError */
export function parseToolChoice(text: string, tools: readonly ToolOffer[]): ToolCall | null {
  const value = jsonObjectIn(text);
  const name = value?.tool;
  if (name === NO_TOOL) return null;
  const tool = tools.find((offered) => offered.name === name);
  if (tool === undefined) {
    const message = `The model chose no tool that was offered: ${text.trim().slice(0, 200)}`;
    throw new EngineError('engine_bad_answer', message, { retryable: true });
  }
  return { name: tool.name, arguments: isRecord(value?.arguments) ? value.arguments : {}, result: '' };
}

function clipped(message: string): string {
  return message.slice(0, MAX.messageChars);
}

/** The first JSON object in the text, bare or fenced. */
function jsonObjectIn(text: string): Record<string, unknown> | null {
  const sources = [...fencedBlocks(text).map((block) => block.text), text];
  for (const source of sources) {
    const start = source.indexOf('{');
    const end = source.lastIndexOf('}');
    const value = start === -1 || end < start ? null : parsed(source.slice(start, end + 1));
    if (value !== null) return value;
  }
  return null;
}

function parsed(source: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(source);
    return isRecord(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function findingsOf(value: unknown): Finding[] {
  if (!Array.isArray(value)) return [];
  const findings = value.filter(isRecord).flatMap((raw): Finding[] => {
    if (typeof raw.message !== 'string' || raw.message.trim() === '') return [];
    const { severity } = raw;
    const line = typeof raw.line === 'number' && Number.isInteger(raw.line) && raw.line > 0 ? raw.line : 0;
    return [
      {
        severity: severity === 'error' || severity === 'info' ? severity : 'warning',
        line,
        rule: 'model-review',
        message: clipped(raw.message.trim()),
      },
    ];
  });
  return findings.slice(0, MAX.findings);
}
