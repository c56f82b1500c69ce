/**
 * What is live in this tab: the one reactive door to the data. Owns: the event stream, the snapshot it goes on from, and
 * telling Svelte that something changed. Does not own: the data (`model/`), which is plain and not reactive.
 *
 * 1. Data is changed in plain classes; a version counter is all that is reactive, so thousands of rows cost nothing.
 * 2. What comes is taken at once, not in an animation frame: a hidden tab has none, and is up to date when it is looked at.
 *    It is drawn as often as anybody can see.
 * 3. While the stream is away, what was last known stays.
 */
import type { Board, Links, Mark, Observation, ServiceRow, Story, TaskRow, Token, WireFact } from '../../../wire.ts';
import { FactBuffer } from '../model/fact-buffer.ts';
import { TaskRows } from '../model/task-rows.ts';
import { clock } from './clock.svelte.ts';
import { redraw } from './redraw.ts';
import { AskError, ask, isDemo, newId } from './source.ts';
import { StreamTurns } from './stream-turns.ts';
import { trace } from './trace.svelte.ts';

const RETRY_MS = 1500;
const AFTER_RECORDING_MS = 4000;
const TOKENS_MAX = 4000;

/** Mode and window, with the end of the window by the clock of this browser: no other clock has to agree with it. */
export interface ObservationHere extends Observation {
  readonly endsAtMs: number | null;
}

/** @param nowMs may be a moment old */
export function windowLeftMs(observation: ObservationHere | null, nowMs: number): number {
  if (observation === null || observation.window === null) return 0;
  return Math.min(observation.window.forMs, Math.max(0, (observation.endsAtMs ?? 0) - nowMs));
}

export type Stream = 'opening' | 'live' | 'away';

class Live {
  readonly rows = new TaskRows();
  /** Counts changes of `rows`. */
  version = $state(0);
  loaded = $state(false);
  stream = $state<Stream>('opening');
  /** Since when it is away; null while it is not. */
  awaySinceMs = $state<number | null>(null);
  links = $state.raw<Links>({ nats: true, gateway: true });
  /** Since when this tab knows that one of them is away; null while none is. */
  linkAwaySinceMs = $state<number | null>(null);
  services = $state.raw<readonly ServiceRow[]>([]);
  quarantined = $state(0);
  observation = $state.raw<ObservationHere | null>(null);
  /** The open task. */
  task = $state.raw<FactBuffer | null>(null);
  taskVersion = $state(0);
  taskError = $state.raw<{ readonly status: number; readonly message: string } | null>(null);
  tokens = $state.raw<readonly Token[]>([]);
  #source: EventSource | null = null;
  #log = '';
  #seq = 0;
  #taskId: string | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #begun = false;
  #turns: StreamTurns | null = null;
  #drawRows = redraw(() => {
    this.version += 1;
  });
  #drawTask = redraw(() => {
    this.taskVersion += 1;
    if (!this.#isWritten) return;
    this.#isWritten = false;
    this.tokens = [];
  });
  /** What was streamed stands in a fact now. */
  #isWritten = false;

  /** What is shown may be old. */
  get stale(): boolean {
    return this.stream === 'away' || !this.links.nats;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    if (!isDemo) this.#shareStreams();
    void this.#snapshot();
  }

  #shareStreams(): void {
    const turns = new StreamTurns(newId(), {
      isHidden: () => document.visibilityState === 'hidden',
      leave: () => {
        this.#source?.close();
        this.#source = null;
      },
      take: () => this.#listen(),
    });
    document.addEventListener('visibilitychange', () => turns.onVisibility());
    this.#turns = turns;
  }

  /** Shows another task, or none. */
  openTask(id: string | null): void {
    if (this.#taskId === id) return;
    this.#taskId = id;
    this.task = null;
    this.taskError = null;
    this.tokens = [];
    this.#isWritten = false;
    trace.open(id);
    if (id === null) this.#listen();
    else void this.#story(id);
  }

  pause(): void {
    this.rows.pause();
    this.version += 1;
  }

  resume(): void {
    this.rows.resume();
    this.version += 1;
  }

  async #snapshot(): Promise<void> {
    try {
      const board = await ask<Board>('board');
      this.rows.reset(board.rows);
      this.#log = board.log;
      this.#seq = board.seq;
      this.loaded = true;
      this.version += 1;
      if (this.#taskId !== null) await this.#story(this.#taskId);
      else this.#listen();
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      this.#away();
      this.#again(() => void this.#snapshot());
    }
  }

  async #story(id: string): Promise<void> {
    try {
      const story = await ask<Story>(`task/${id}`);
      if (this.#taskId !== id) return;
      this.task = new FactBuffer(story);
      this.taskError = null;
      this.taskVersion += 1;
      if (this.loaded) this.#listen();
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      if (this.#taskId !== id) return;
      // A task that was submitted a moment ago may not be in the log yet: the stream tells when it is.
      this.taskError = { status: error.status, message: error.message };
      this.#again(() => {
        if (this.#taskId === id && this.task === null) void this.#story(id);
      });
      if (this.loaded) this.#listen();
    }
  }

  /** One stream for everything this tab shows; a new one when it shows another task. */
  #listen(): void {
    this.#source?.close();
    this.#source = null;
    if (isDemo) {
      this.stream = 'live';
      // The time of the recording: its ages are as they were.
      clock.nowMs = Math.max(...this.rows.sorted().map(({ updatedAtMs }) => updatedAtMs)) + AFTER_RECORDING_MS;
      void ask<readonly ServiceRow[]>('services').then((rows) => {
        this.services = rows.map((row) => ({ ...row, heardAtMs: clock.nowMs }));
      });
      void ask<readonly unknown[]>('quarantine').then((rows) => {
        this.quarantined = rows.length;
      });
      void ask<Observation>('observation').then((observation) => this.#observe(observation, clock.nowMs));
      return;
    }
    if (this.#turns?.hasLeft) return;
    this.#turns?.say();
    const params = new URLSearchParams({ log: this.#log, after: String(this.#seq) });
    if (this.task !== null) {
      params.set('task', this.task.id);
      params.set('facts', String(this.task.seq));
    }
    const source = new EventSource(`/events?${params}`);
    this.#source = source;
    const on = <T>(name: string, take: (data: T, id: string) => void): void => {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (this.#source === source) take(JSON.parse(event.data) as T, event.lastEventId);
      });
    };
    on<{ links: Links }>('hello', ({ links }) => {
      this.stream = 'live';
      this.awaySinceMs = null;
      this.#setLinks(links);
    });
    on<Links>('links', (links) => this.#setLinks(links));
    on<{ what: 'all' | 'task' }>('resync', ({ what }) => {
      if (what === 'all') void this.#snapshot();
      else if (this.#taskId !== null) void this.#story(this.#taskId);
    });
    on<readonly TaskRow[]>('rows', (rows, id) => {
      this.#seq = Math.max(this.#seq, Number(id) || 0);
      this.rows.apply(rows);
      this.#drawRows();
    });
    on<readonly ServiceRow[]>('services', (rows) => {
      this.services = rows;
    });
    on<{ count: number }>('quarantine', ({ count }) => {
      this.quarantined = count;
    });
    on<Observation>('observation', (observation) => this.#observe(observation, Date.now()));
    on<{ task: string; facts: readonly WireFact[] }>('facts', ({ task, facts }) => {
      if (this.task?.id !== task || !this.task.add(facts)) return;
      if (facts.some(({ type }) => type !== 'hop.progress')) trace.hear();
      this.#isWritten ||=
        this.tokens.length > 0 && facts.some(({ type }) => type === 'hop.finished' || type.startsWith('task.'));
      this.#drawTask();
    });
    on<{ task: string; marks: readonly Mark[] }>('marks', ({ task, marks }) => {
      if (this.task?.id === task && this.task.addMarks(marks)) this.#drawTask();
    });
    on<readonly Token[]>('tokens', (tokens) => {
      this.tokens = [...this.tokens, ...tokens.filter(({ task }) => task === this.#taskId)].slice(-TOKENS_MAX);
    });
    source.addEventListener('error', () => {
      if (this.#source !== source) return;
      this.#away();
      // The browser comes again by itself while it is connecting; a refusal is final.
      if (source.readyState === EventSource.CLOSED) this.#again(() => this.#listen());
    });
  }

  #setLinks(links: Links): void {
    this.links = links;
    this.linkAwaySinceMs = links.nats && links.gateway ? null : (this.linkAwaySinceMs ?? Date.now());
  }

  #observe(observation: Observation, nowMs: number): void {
    const { window } = observation;
    this.observation = { ...observation, endsAtMs: window === null ? null : nowMs + window.leftMs };
  }

  #away(): void {
    this.stream = 'away';
    this.awaySinceMs ??= Date.now();
  }

  #again(what: () => void): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = setTimeout(what, RETRY_MS);
  }
}

export const live = new Live();
