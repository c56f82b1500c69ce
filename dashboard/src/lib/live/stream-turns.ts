/**
 * Which tabs of one browser have an event stream. Owns: that hidden tabs leave the connections to those that are looked at.
 * Does not own: the stream (`live.svelte.ts`).
 *
 * A browser has six connections to one address without TLS, and a stream takes one as long as it lives: the seventh tab
 * would wait for ever, for its page too. A tab says when it takes a stream, and when it is shown or hidden; a hidden one
 * that has heard so of `OTHERS_MAX` others since it was looked at ends its stream, and goes on from where it was when it
 * is looked at again.
 */
const CHANNEL = 'mesh-streams';
/** Hidden tabs that stay up to date, whatever is done in others. */
const OTHERS_MAX = 2;

export type Turns = Pick<BroadcastChannel, 'postMessage' | 'addEventListener'>;

export interface TurnTaker {
  isHidden(): boolean;
  /** Ends the stream. */
  leave(): void;
  /** Takes it again. */
  take(): void;
}

export class StreamTurns {
  readonly #id: string;
  readonly #turns: Turns;
  readonly #tab: TurnTaker;
  /** That were at it since this tab was looked at. */
  readonly #others = new Set<string>();
  #hasLeft = false;

  constructor(id: string, tab: TurnTaker, turns: Turns = new BroadcastChannel(CHANNEL)) {
    this.#id = id;
    this.#tab = tab;
    this.#turns = turns;
    turns.addEventListener('message', ({ data }: MessageEvent<unknown>) => this.#heard(data));
  }

  /** No stream is to be taken now. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** A stream is taken. */
  say(): void {
    this.#turns.postMessage(this.#id);
  }

  /** It is shown now, or hidden. */
  onVisibility(): void {
    this.#others.clear();
    this.say();
    if (this.#tab.isHidden() || !this.#hasLeft) return;
    this.#hasLeft = false;
    this.#tab.take();
  }

  #heard(other: unknown): void {
    if (typeof other !== 'string' || other === this.#id || !this.#tab.isHidden()) return;
    this.#others.add(other);
    if (this.#others.size < OTHERS_MAX || this.#hasLeft) return;
    this.#hasLeft = true;
    this.#tab.leave();
  }
}
