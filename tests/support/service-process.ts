/**
 * One service of a private mesh, as a supervisor keeps it: a real process that is started again at once when it dies.
 * Owns: its lives, their environment, its log file, killing by pid. Does not own: the mesh around it.
 *
 * It runs supervised, so it ends by itself when the test's process is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../config/settings.ts';
import { Changes } from './changes.ts';
import { slowdownOf } from './starvation.ts';

export type ServiceName = 'agents' | 'llm' | 'tools' | 'gateway' | 'dashboard';
export type Environment = Readonly<Record<string, string | undefined>>;

/** A cold start takes about a second; on a machine whose disk or processors stand still for a while, far longer. */
const READY_LIMIT_MS = 90_000;
const END_LIMIT_MS = 60_000;
/** Shared by all lives of all runs: without it each start spends most of its time on stripping types. */
const compileCache = process.env.NODE_COMPILE_CACHE ?? join(projectRoot, '.mesh', 'cache');
/** More lives than any test plans: the process cannot start at all. */
const LIVES_MAX = 300;

export interface Life {
  readonly pid: number;
  readonly spawnedAtMs: number;
  /** The crash point it was to die at. */
  readonly crashAt: string | undefined;
  /** Null until it has said that it is ready. */
  readyAtMs: number | null;
  ended: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | null;
  readonly lines: LogLine[];
}

export interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export interface ServiceOptions {
  readonly service: ServiceName;
  /** Tells two processes of one service apart. */
  readonly name: string;
  readonly folder: string;
  readonly env: Environment;
}

export class ServiceProcess {
  readonly name: string;
  readonly lives: Life[] = [];
  /** Called when a life has ended, before the next one begins. */
  onDeath: () => void = () => undefined;
  readonly #service: ServiceName;
  readonly #log: WriteStream;
  readonly #changes = new Changes();
  readonly #crashes: string[] = [];
  #env: Environment;
  #child: ChildProcess | null = null;
  #kept = false;

  constructor(options: ServiceOptions) {
    this.name = options.name;
    this.#service = options.service;
    this.#env = options.env;
    this.#log = createWriteStream(join(options.folder, `${options.name}.log`), { flags: 'a' });
  }

  get life(): Life {
    const life = this.lives.at(-1);
    if (!life) throw new Error(`${this.name} was never started`);
    return life;
  }

  get ended(): number {
    return this.lives.filter(({ ended }) => ended !== null).length;
  }

  /** The coming lives die at these points, one each. */
  crashAt(...points: readonly string[]): void {
    this.#crashes.push(...points);
  }

  /** Settings of the coming lives. */
  configure(env: Environment): void {
    this.#env = { ...this.#env, ...env };
  }

  /** Starts it and keeps it running; resolves when it is ready. */
  async start(): Promise<Life> {
    this.#kept = true;
    if (this.#child === null) this.#spawn();
    return this.ready();
  }

  /** Starts it and lets it end; resolves when it is ready. */
  async startOnce(): Promise<Life> {
    this.#kept = false;
    if (this.#child === null) this.#spawn();
    return this.ready();
  }

  /**
   * Starts it once; resolves when it is ready or has ended before that: one that finds its name taken refuses. Until then
   * two may open the same partitions in turn, which with some thousand records takes longer than a start.
   */
  async startOrRefuse(): Promise<Life> {
    this.#kept = false;
    if (this.#child === null) this.#spawn();
    const { life } = this;
    return this.#until(2 * READY_LIMIT_MS, () => life.ended !== null || life.readyAtMs !== null);
  }

  /** Resolves when the present life has ended. */
  async gone(limitMs: number): Promise<Life> {
    const { life } = this;
    await this.#changes.until(() => life.ended ?? undefined, limitMs, `${this.name} (${life.pid}) goes on`);
    return life;
  }

  /** Starts it once and waits for its end: for settings and ledgers that it must refuse. */
  async startToEnd(): Promise<Life> {
    this.#kept = false;
    if (this.#child === null) this.#spawn();
    const { life } = this;
    await this.#gone(life);
    return life;
  }

  /**
   * The life that runs, once it is ready; the limit counts anew when a long start says that it gets further, and grows with
   * the time for which the process had to wait for others on the same processors.
   */
  ready(limitMs: number = READY_LIMIT_MS): Promise<Life> {
    return this.#until(limitMs, () => this.life.readyAtMs !== null && this.life.ended === null);
  }

  async #until(limitMs: number, isThere: () => boolean): Promise<Life> {
    const progress = () => this.life.lines.filter(({ msg }) => msg === 'catching up with the log').length;
    let sinceMs = performance.now();
    for (;;) {
      const before = progress();
      const waiting = this.#changes.until(
        () => {
          if (isThere()) return this.life;
          return progress() > before ? 'further' : undefined;
        },
        limitMs,
        () => `${this.name} is not ready: ${JSON.stringify(this.life.lines.slice(-5))}`,
      );
      const ready = await waiting.catch((late: unknown) => {
        if (performance.now() - sinceMs < limitMs * slowdownOf(this.life.pid)) return 'starved' as const;
        throw late;
      });
      if (typeof ready !== 'string') return ready;
      if (ready === 'further') sinceMs = performance.now();
    }
  }

  /** Sends a signal to the running life; after SIGKILL and SIGTERM resolves when it is gone. It is started again. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { life } = this;
    this.#child?.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.#gone(life);
  }

  /** Ends it and keeps it down until `start`. */
  async down(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#kept = false;
    if (this.#child !== null) await this.kill(signal);
  }

  /** Resolves when so many lives have ended. */
  deaths(count: number, limitMs: number): Promise<void> {
    const enough = () => (this.ended >= count ? true : undefined);
    const what = () => `${this.name} died ${this.ended} times, not ${count}; now ${this.life.crashAt ?? 'unarmed'}`;
    return this.#changes.until(enough, limitMs, what).then(() => undefined);
  }

  /** Resolves with the first line of the present life that fits. */
  line(fits: (line: LogLine) => boolean, limitMs: number, what: string): Promise<LogLine> {
    return this.#changes.until(() => this.life.lines.find(fits), limitMs, `${this.name} did not log ${what}`);
  }

  /** Milliseconds from start to ready of every life that became ready. */
  startTimes(): number[] {
    return this.lives.flatMap(({ spawnedAtMs, readyAtMs }) => (readyAtMs === null ? [] : [readyAtMs - spawnedAtMs]));
  }

  /** Stops it in order, and by force when it does not. */
  async close(): Promise<void> {
    this.#kept = false;
    this.#child?.kill('SIGCONT');
    if (this.#child !== null) await this.kill('SIGTERM').catch(() => this.kill('SIGKILL'));
    await new Promise((resolve) => this.#log.end(resolve));
  }

  #gone(life: Life): Promise<unknown> {
    return this.#changes.until(() => life.ended ?? undefined, END_LIMIT_MS, `${this.name} (${life.pid}) does not end`);
  }

  #spawn(): void {
    if (this.lives.length >= LIVES_MAX) throw new Error(`${this.name} was started ${LIVES_MAX} times`);
    const crashAt = this.#crashes.shift();
    const child = spawn(process.execPath, ['services/main.ts', this.#service], {
      cwd: projectRoot,
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: compileCache,
        MESH_SUPERVISED: '1',
        ...this.#env,
        MESH_CRASH_AT: crashAt ?? '',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const pid = child.pid ?? 0;
    const life: Life = { pid, spawnedAtMs: performance.now(), crashAt, readyAtMs: null, ended: null, lines: [] };
    this.#child = child;
    this.lives.push(life);
    this.#note(`life ${this.lives.length} begins as ${pid}${crashAt === undefined ? '' : `, to die at ${crashAt}`}`);
    createInterface({ input: child.stdout }).on('line', (text) => this.#heard(life, text));
    createInterface({ input: child.stderr }).on('line', (text) => this.#note(text));
    child.once('close', (code, signal) => this.#exited(child, life, code, signal));
  }

  #heard(life: Life, text: string): void {
    this.#log.write(`${text}\n`);
    const line = parseLine(text);
    life.lines.push(line);
    if (line.msg === 'ready') life.readyAtMs = performance.now();
    this.#changes.tell();
  }

  #exited(child: ChildProcess, life: Life, code: number | null, signal: NodeJS.Signals | null): void {
    life.ended = { code, signal };
    this.#note(`life ${this.lives.indexOf(life) + 1} has ended: ${signal ?? code}`);
    if (this.#child === child) this.#child = null;
    this.onDeath();
    if (this.#kept) this.#spawn();
    this.#changes.tell();
  }

  #note(text: string): void {
    if (!this.#log.writableEnded) this.#log.write(`# ${new Date().toISOString()} ${text}\n`);
  }
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return { msg: text };
    throw thrown;
  }
}
