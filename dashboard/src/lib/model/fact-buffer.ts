/**
 * The facts of the open task. Owns: order, and each once, whatever comes twice. Does not own: fetching, or what they
 * mean.
 */
import type { Mark, Story, WireFact } from '../../../wire.ts';

/** The process of the dashboard keeps as many; a tab that runs for days does not grow beyond. */
const FACTS_MAX = 20_000;

export class FactBuffer {
  readonly id: string;
  readonly #known = new Set<string>();
  readonly #marks = new Map<string, Mark>();
  #facts: WireFact[] = [];
  #seq = 0;
  #dropped = 0;

  constructor(story: Story) {
    this.id = story.id;
    this.#dropped = story.dropped;
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
    const fresh = facts.filter(({ id }) => !this.#known.has(id) && this.#known.add(id));
    if (fresh.length === 0) return false;
    this.#facts = inOrder([...this.#facts, ...fresh]);
    this.#seq = Math.max(this.#seq, ...fresh.slice(-64).map(({ seq }) => seq));
    const over = this.#facts.length - FACTS_MAX;
    // The first one has the prompt.
    if (over > 0) this.#facts = [...this.#facts.slice(0, 1), ...this.#facts.slice(over + 1)];
    this.#dropped += Math.max(0, over);
    return true;
  }

  addMarks(marks: readonly Mark[]): boolean {
    const before = this.#marks.size;
    for (const mark of marks) this.#marks.set(`${mark.kind} ${mark.service} ${mark.seq} ${mark.atMs}`, mark);
    return this.#marks.size > before;
  }
}

/** They come in order but for what two readers tell at the same time. */
function inOrder(facts: WireFact[]): WireFact[] {
  const isAfter = (a: WireFact, b: WireFact): boolean => a.seq > b.seq || (a.seq === b.seq && a.index > b.index);
  const isSorted = facts.every(
    (fact, at) => at === 0 || isAfter(fact, facts[at - 1] ?? fact) || fact === facts[at - 1],
  );
  return isSorted ? facts : facts.sort((a, b) => a.seq - b.seq || a.index - b.index);
}
