/**
 * How probable each route is while a model writes `{"decision": "<route>"}` token by token. Owns: dividing the
 * probability of each next token among the routes it leads to. Does not own: the model. Pure.
 *
 * A token that decides gives its mass to its route. A token after which several routes are still possible (white space,
 * a quote, a beginning that two names share) keeps its mass, and the next token that is written divides it.
 */
const DECIDING = /"decision"\s*:\s*"([^"]*)/;

export class RouteMass {
  readonly #routes: readonly string[];
  readonly #mass: Map<string, number>;
  #undecided = 1;
  #text = '';

  constructor(routes: readonly string[]) {
    this.#routes = routes;
    this.#mass = new Map(routes.map((route) => [route, 0]));
  }

  get decided(): boolean {
    return this.#possible('').length <= 1;
  }

  /** @param next text and probability of each token that could come next, and what was written */
  step(next: Iterable<readonly [text: string, probability: number]>, written: string): void {
    if (!this.decided) this.#divide([...next]);
    this.#text += written;
  }

  /** Of what is divided so far; they sum to one. Null when nothing was. */
  probabilities(): Record<string, number> | null {
    const sum = [...this.#mass.values()].reduce((total, one) => total + one, 0);
    if (sum <= 0) return null;
    return Object.fromEntries([...this.#mass].map(([route, mass]) => [route, mass / sum]));
  }

  #divide(next: readonly (readonly [text: string, probability: number])[]): void {
    let open = 0;
    let closed = 0;
    const gains: [string, number][] = [];
    for (const [text, probability] of next) {
      const possible = this.#possible(text);
      const [route] = possible;
      if (route === undefined) continue;
      if (possible.length === 1) {
        gains.push([route, probability]);
        closed += probability;
      } else open += probability;
    }
    const sum = open + closed;
    if (sum <= 0) return;
    for (const [route, probability] of gains)
      this.#mass.set(route, (this.#mass.get(route) ?? 0) + (this.#undecided * probability) / sum);
    this.#undecided *= open / sum;
  }

  /** Routes that may still follow when `more` is written. */
  #possible(more: string): string[] {
    const text = this.#text + more;
    const match = DECIDING.exec(text);
    if (match === null) return [...this.#routes];
    const value = match[1] ?? '';
    const closed = text.length > match.index + match[0].length;
    return this.#routes.filter((route) => (closed ? route === value : route.startsWith(value)));
  }
}
