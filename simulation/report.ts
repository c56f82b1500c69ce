/**
 * What a run has shown. Owns: violations and counts. Does not own: judging.
 */

export interface Violation {
  /** The promise that was broken, such as `S6`. */
  readonly invariant: string;
  readonly message: string;
  readonly atMs: number;
}

/** More of one run only repeat the first. */
const VIOLATIONS_MAX = 5;

export class Report {
  readonly violations: Violation[] = [];
  readonly counts = new Map<string, number>();
  /** What happened, line by line; kept only when somebody wants to read it. */
  readonly trace: string[] | null;
  readonly #nowMs: () => number;
  readonly #said = new Map<string, Set<string>>();

  constructor(nowMs: () => number, options: { trace: boolean }) {
    this.#nowMs = nowMs;
    this.trace = options.trace ? [] : null;
  }

  get failed(): boolean {
    return this.violations.length > 0;
  }

  violation(invariant: string, message: string): void {
    const atMs = Math.round(this.#nowMs() * 1000) / 1000;
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push({ invariant, message, atMs });
    this.note('VIOLATION', `${invariant}: ${message}`);
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** Notes a warning or an error that a host has logged. */
  log(host: string, message: string): void {
    this.count(`log: ${message}`);
    const said = this.#said.get(host) ?? new Set();
    this.#said.set(host, said.add(message));
  }

  logged(host: string, beginning: string): boolean {
    return [...(this.#said.get(host) ?? [])].some((message) => message.startsWith(beginning));
  }

  note(who: string, what: string): void {
    this.trace?.push(`${this.#nowMs().toFixed(3).padStart(12)} ${who.padEnd(10)} ${what}`);
  }
}
