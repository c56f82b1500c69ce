/**
 * Answers by quoting: picks the sentences of the passages that bear on the prompt and cites where they stand.
 * Owns the scoring and the wording. Nothing is paraphrased: without a model, a quote is the only honest sentence.
 */

import { terms } from '../../../prompting/terms.ts';
import { degraded, type Lack, SET_UP_A_MODEL } from '../../../prompting/without-model.ts';
import type { Answer, Citation, Degraded, HopInput, Passage } from '../../../schemas/events/generated.ts';
import { toolAnswer } from '../tool-answer.ts';
import { type QuotableUnit, quotableUnits } from './quotable-units.ts';
import { smallTalk } from './small-talk.ts';

export interface ExtractiveAnswer {
  readonly answer: Answer;
  readonly summary: string;
  /** Absent when a model would have said nothing more. */
  readonly degraded?: Degraded;
}

/** An answer is read in one look: a few quotes, not a search result list. */
const UNITS_MAX = 6;
const UNITS_PER_PASSAGE_MAX = 3;
/** Under this share of the best unit's score a quote is noise beside it. */
const RELATIVE_SCORE_MIN = 0.55;
/** What each sign of relevance is worth; the words of the sentence itself weigh most. */
const WEIGHT = { words: 1, heading: 0.35, search: 0.2, first: 0.05 } as const;
/** Code rarely answers a question asked in prose, even when it repeats every word of it. */
const CODE_SHARE = 0.4;
const WANTS_CODE = /\b(?:code|command|example|snippet|syntax|usage|how (?:do|can|would) (?:i|we|you)|show me)\b/i;

interface ScoredUnit {
  readonly unit: QuotableUnit;
  readonly passage: Passage;
  /** Position inside its passage. */
  readonly at: number;
  readonly overlap: number;
  readonly score: number;
}

/** Composes the answer for any input, and says why no model wrote it; never fails. */
export function extractiveAnswer(input: HopInput, lack: Lack): ExtractiveAnswer {
  if (input.tool !== undefined)
    return unlessModelFailed(plain(toolAnswer(input.tool), `Result of ${input.tool.name}.`), lack);
  const talk = smallTalk(input.prompt, lack);
  if (talk !== null) return unlessModelFailed(plain(talk, 'Small talk.'), lack);
  const passages = input.passages ?? [];
  if (passages.length === 0) return nothingFound(input.passages !== undefined, lack);
  const query = input.note === undefined ? input.prompt : `${input.prompt} ${input.note}`;
  return quote(query, passages, lack);
}

/** What needs no model is whole without one; when a configured one has failed, that is said all the same. */
function unlessModelFailed({ answer, summary }: ExtractiveAnswer, lack: Lack): ExtractiveAnswer {
  if (lack.reason === 'no_model') return { answer, summary };
  const text = `${answer.text}\n\n${lack.message}`;
  return { answer: { ...answer, text }, summary, degraded: degraded(lack, 'plain') };
}

function plain(text: string, summary: string): ExtractiveAnswer {
  return { answer: { text, citations: [] }, summary };
}

function nothingFound(searched: boolean, lack: Lack): ExtractiveAnswer {
  const none = lack.reason === 'no_model';
  const mark = { degraded: degraded(lack, 'nothing') };
  if (!searched) {
    const why = none
      ? `This question needs a language model and none is set up: ${SET_UP_A_MODEL}.`
      : `This question needs a language model. ${lack.message}`;
    const text = `${why} To have it looked up in your documents instead, ask with --workflow answer.`;
    const summary = none ? 'No language model is set up' : 'The language model gave no answer';
    return { ...plain(text, `${summary} and nothing was looked up.`), ...mark };
  }
  const either = none ? `No language model is set up either: ${SET_UP_A_MODEL}.` : lack.message;
  const text = `Nothing was found in the knowledge base for this question. Index what it should be answered from with \`./mesh index PATH\` and ask again. ${either}`;
  return { ...plain(text, 'Nothing was found in the knowledge base.'), ...mark };
}

function closing(lack: Lack): string {
  return lack.reason === 'no_model'
    ? `No language model is set up: these are quotes of the knowledge base. For written answers, ${SET_UP_A_MODEL}.`
    : `These are quotes of the knowledge base. ${lack.message}`;
}

function quote(query: string, passages: readonly Passage[], lack: Lack): ExtractiveAnswer {
  const ranked = rank(query, passages);
  const chosen = choose(ranked);
  const direct = chosen.some((scored) => scored.overlap > 0);
  const groups = groupByPassage(chosen);
  const citations: Citation[] = groups.map((group, index) => citationOf(group, index + 1));
  const quotes = groups.map((group, index) => groupText(group, index + 1));
  const opening = direct
    ? 'From the knowledge base:'
    : 'Nothing in the knowledge base says this in so many words. The closest passages:';
  const text = [opening, ...quotes, closing(lack)].join('\n\n');
  const places = groups.length === 1 ? '1 passage' : `${groups.length} passages`;
  const summary = `Quotes of ${places} of the knowledge base.`;
  return { answer: { text, citations }, summary, degraded: degraded(lack, 'quotes') };
}

function rank(query: string, passages: readonly Passage[]): ScoredUnit[] {
  const wanted = terms(query);
  const all = passages.flatMap((passage) =>
    quotableUnits(passage).map((unit, at) => ({ unit, passage, at, terms: terms(unit.text) })),
  );
  const weight = rarity(
    wanted,
    all.map((entry) => entry.terms),
  );
  const total = [...wanted].reduce((sum, term) => sum + weight(term), 0);
  const share = (there: ReadonlySet<string>): number =>
    total === 0 ? 0 : [...wanted].reduce((sum, term) => sum + (there.has(term) ? weight(term) : 0), 0) / total;
  const scores = passages.map((passage) => passage.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return all
    .map(({ unit, passage, at, terms: there }) => {
      const overlap = share(there);
      const heading = share(terms(`${passage.heading} ${passage.path}`));
      const search = high > low ? (passage.score - low) / (high - low) : 1;
      const first = at === 0 ? 1 : 0;
      const kind = unit.kind === 'code' && passage.kind !== 'code' && !WANTS_CODE.test(query) ? CODE_SHARE : 1;
      const score =
        kind * (WEIGHT.words * overlap + WEIGHT.heading * heading + WEIGHT.search * search + WEIGHT.first * first);
      return { unit, passage, at, overlap, score };
    })
    .sort((a, b) => b.score - a.score || a.passage.id.localeCompare(b.passage.id) || a.at - b.at);
}

/** Rare words of the query count for more (inverse document frequency over the units at hand). */
function rarity(wanted: ReadonlySet<string>, units: readonly ReadonlySet<string>[]): (term: string) => number {
  const counts = new Map([...wanted].map((term) => [term, units.filter((unit) => unit.has(term)).length]));
  return (term) => Math.log(1 + units.length / (1 + (counts.get(term) ?? 0)));
}

function choose(ranked: readonly ScoredUnit[]): ScoredUnit[] {
  const best = ranked[0];
  if (best === undefined) return [];
  const floor = best.score * RELATIVE_SCORE_MIN;
  const anyOverlap = ranked.some((scored) => scored.overlap > 0);
  const perPassage = new Map<string, number>();
  const seen = new Set<string>();
  const chosen: ScoredUnit[] = [];
  for (const scored of ranked) {
    const key = scored.unit.text.toLowerCase().replace(/\W+/g, ' ').trim();
    const used = perPassage.get(scored.passage.id) ?? 0;
    if (seen.has(key) || used >= UNITS_PER_PASSAGE_MAX || scored.score < floor) continue;
    if (anyOverlap && scored.overlap === 0) continue;
    seen.add(key);
    perPassage.set(scored.passage.id, used + 1);
    chosen.push(scored);
    if (chosen.length === UNITS_MAX) break;
  }
  return withWhatFollowsAColon(chosen, ranked);
}

/** "Run it like this:" is half a quote; what it announces belongs to it. */
function withWhatFollowsAColon(chosen: readonly ScoredUnit[], ranked: readonly ScoredUnit[]): ScoredUnit[] {
  const result = [...chosen];
  for (const scored of chosen) {
    if (scored.unit.kind !== 'sentence' || !scored.unit.text.endsWith(':')) continue;
    const next = ranked.find((other) => other.passage === scored.passage && other.at === scored.at + 1);
    if (next !== undefined && !result.includes(next)) result.push(next);
  }
  return result;
}

/** Groups in the order of their best unit; inside a group, reading order. */
function groupByPassage(chosen: readonly ScoredUnit[]): ScoredUnit[][] {
  const groups = Map.groupBy(chosen, (scored) => scored.passage);
  return [...groups.values()].map((group) => group.sort((a, b) => a.at - b.at));
}

function citationOf(group: readonly ScoredUnit[], marker: number): Citation {
  const passage = group[0]?.passage;
  return {
    marker,
    path: passage?.path ?? '',
    heading: passage?.heading ?? '',
    startLine: Math.min(...group.map(({ unit }) => unit.startLine)),
    endLine: Math.max(...group.map(({ unit }) => unit.endLine)),
  };
}

function groupText(group: readonly ScoredUnit[], marker: number): string {
  const parts: string[] = [];
  for (const { unit } of group) {
    if (unit.kind === 'code') parts.push(`\n\n${fenced(unit)}\n\n`);
    else parts.push(`${unit.text} `);
  }
  const text = parts.join('').trim();
  const indented = text
    .split('\n')
    .map((line, index) => (index === 0 || line.trim() === '' ? line.trim() : `  ${line.trimEnd()}`))
    .join('\n');
  return text.endsWith('`') && text.includes('\n') ? `- ${indented}\n\n  [${marker}]` : `- ${indented} [${marker}]`;
}

function fenced(unit: QuotableUnit): string {
  const fence = unit.text.includes('```') ? '````' : '```';
  return `${fence}${unit.language}\n${unit.text}\n${fence}`;
}
