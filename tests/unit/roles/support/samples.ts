/**
 * What roles make, in small: passages, code, reviews, answers. Owns: data that fits the schemas.
 */
import type {
  CodeArtifact,
  HopInput,
  HopOutput,
  HopRequestedData,
  Passage,
  Review,
} from '../../../../schemas/events/generated.ts';

export const passage: Passage = {
  ...{ id: 'docs/timing.md#12', path: 'docs/timing.md', heading: 'Timing > Debounce', startLine: 12, endLine: 20 },
  ...{ text: 'A debounced function runs once after the last call.', kind: 'markdown', language: '', score: 4.2 },
};

export const retrieved: HopOutput = { engine: 'fts5', summary: '1 passages from docs/timing.md', passages: [passage] };

export function codeOf(attempt: number): CodeArtifact {
  return {
    ...{ language: 'typescript', text: `export const attempt = ${attempt};\n`, attempt },
    ...{ explanation: `The function, attempt ${attempt}.`, citations: [] },
  };
}

export function coded(attempt: number): HopOutput {
  return { engine: 'extractive', summary: `typescript, attempt ${attempt}`, code: codeOf(attempt) };
}

/** A review with that many errors; none approves. */
export function reviewOf(errors: number): Review {
  const findings = Array.from({ length: errors }, (_, index) => ({
    ...{ severity: 'error' as const, line: index + 1, rule: 'ts2304', message: `Cannot find name 'x${index}'.` },
  }));
  const verdict = errors === 0 ? 'approved' : 'changes_requested';
  return { verdict, findings, summary: `${errors} errors`, checkedBy: ['typescript@6.0.3'] };
}

export function reviewed(errors: number): HopOutput {
  return { engine: 'typescript@6.0.3', summary: `${errors} errors`, review: reviewOf(errors) };
}

export const answered: HopOutput = {
  ...{ engine: 'extractive', summary: 'an answer with 1 citation' },
  answer: {
    text: 'It runs once after the last call [1].',
    citations: [{ marker: 1, path: passage.path, heading: passage.heading, startLine: 12, endLine: 20 }],
  },
};

export const toolRan: HopOutput = {
  ...{ engine: 'tool:calculator', summary: 'calculator ran' },
  tool: { name: 'calculator', arguments: { expression: '6 * 7' }, result: '42' },
};

/** What the orchestrator asks of a role. */
export function request(step: string, input: Partial<HopInput> = {}, attempt = 1): HopRequestedData {
  return { step, attempt, timeoutMs: 30_000, input: { prompt: 'Write a debounce function in TypeScript', ...input } };
}
