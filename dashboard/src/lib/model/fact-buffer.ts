/**
 * The facts of the open task. Owns: order, and each once, whatever comes twice. Does not own: fetching, or what they
 * mean.
 */
import type { Mark, Story, WireFact } from '../../../wire.ts';

/** The process of the dashboard keeps as many; a tab that runs for days does not grow beyond. */
const FACTS_MAX = 20_000;

export class FactBuffer {
  readonly id: string;
  /** How long its caller lets it take; null when its workflow says so. */
  readonly deadlineMs: number | null;
  readonly #known = new Set<string>();
  readonly #marks = new Map<string, Mark>();
  #facts: WireFact[] = [];
  #seq = 0;
  #dropped = 0;

  constructor(story: Story) {
    this.id = story.id;
    this.#dropped = story.dropped;
    this.deadlineMs = story.deadlineMs ?? null;
    this.add(story.facts);
    this.addMarks(story.marks);
    this.#seq = Math.max(this.#seq, story.seq);
  }

  get facts(): readonly WireFact[] {
    return this.#facts;
  }

  get marks(): readonly Mark[] {
    return [...this.#marks.values()].sort((a, b) => a.atMs - b.atMs);
  }

  /** Everything up to it is here. */
  get seq(): number {
    return this.#seq;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** True when something was new. */
  add(facts: readonly WireFact[]): boolean {
    const fresh = facts.filter(
      (fact) => !this.#wasDropped(fact) && !this.#known.has(fact.id) && this.#known.add(fact.id),
    );
    if (fresh.length === 0) return false;
    this.#facts = inOrder([...this.#facts, ...fresh]);
    this.#seq = Math.max(this.#seq, ...fresh.slice(-64).map(({ seq }) => seq));
    const over = this.#facts.length - FACTS_MAX;
    if (over > 0) this.#drop(over);
    return true;
  }

  /** The oldest, but for the first one: it has the prompt. */
  #drop(count: number): void {
    for (const { id } of this.#facts.splice(1, count)) this.#known.delete(id);
    this.#dropped += count;
  }

  #wasDropped(fact: WireFact): boolean {
    const [first, oldest] = this.#facts;
    return this.#dropped > 0 && oldest !== undefined && fact.id !== first?.id && isAfter(oldest, fact);
  }

  addMarks(marks: readonly Mark[]): boolean {
    const before = this.#marks.size;
    for (const mark of marks) this.#marks.set(keyOf(mark), mark);
    return this.#marks.size > before;
  }
}

/** A record may tell of several attempts of one moment. */
function keyOf(mark: Mark): string {
  const { kind, service, seq, atMs } = mark;
  const which = mark.kind === 'retry' ? `${mark.role} ${mark.effect} ${mark.attempt}` : '';
  return [kind, service, seq, atMs, which].join(' ');
}

function isAfter(a: WireFact, b: WireFact): boolean {
  return a.seq > b.seq || (a.seq === b.seq && a.index > b.index);
}

/** They come in order but for what two readers tell at the same time. */
function inOrder(facts: WireFact[]): WireFact[] {
  const isSorted = facts.every(
    (fact, at) => at === 0 || isAfter(fact, facts[at - 1] ?? fact) || fact === facts[at - 1],
  );
  return isSorted ? facts : facts.sort((a, b) => a.seq - b.seq || a.index - b.index);
}
