/**
 * One supervised process. Owns: starting it, noticing that it is ready, starting it again with backoff, stopping it.
 * Does not own: which processes there are, or their order (supervise.ts).
 *
 * 1. Every child leads a process group of its own: Ctrl-C on the terminal reaches the supervisor only, and what a dead
 *    child leaves behind in its group is ended with it.
 * 2. Its standard input is a pipe held by the supervisor. It ends when the supervisor does, however that happens; a
 *    service with MESH_SUPERVISED=1 in its environment exits then.
 * 3. One that beats (`services/loop-beat.ts`) and then falls silent is ended and started again. Silence is counted in
 *    looks of the supervisor, so neither a machine that slept nor a supervisor that was stopped looks like it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { getPriority, setPriority } from 'node:os';
import { exitVerdict, restartDelayMs, restartsAfterLife } from './backoff.ts';
import { lineSplitter } from './lines.ts';
import { type LogFile, openLogFile } from './log-file.ts';
import type { LogLine } from './log-line.ts';
import { identityOf, killRestOfGroup, type ProcessIdentity, signalGroup } from './process-mark.ts';
import type { ServiceRecord, ServiceState } from './run-state.ts';

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logPath: string;
  readonly parse: (raw: string) => LogLine;
  readonly isReady: (line: LogLine) => boolean;
  /** Between SIGTERM and SIGKILL, milliseconds. */
  readonly stopMs: number;
  /** How much it yields to others, 0 to 19; 0 unless told. */
  readonly niceness?: number;
  /** It beats on a pipe, and is ended after so many milliseconds without a beat; never judged when absent. */
  readonly silentMaxMs?: number;
  /** Started only while this one is ready. */
  readonly needs?: ManagedProcess;
}

export interface ProcessListener {
  /** After every change of state. */
  onChange(process: ManagedProcess): void;
  onLine(process: ManagedProcess, line: LogLine): void;
}

/** Kept for the report when a start fails. */
const LAST_LINES = 12;
/** What cannot work for now (a dependency is missing, the disk is full) is not tried again before this. */
const SLOW_RESTART_MS = 5000;
/** The system knows nothing more yielding. */
const NICENESS_MAX = 19;
/** How often the beats are looked at. */
const LOOK_EVERY_MS = 1000;
/** Number of the pipe in the child. */
const BEAT_PIPE = 3;
/** The last words of a process that exited arrive within this time, or not at all. */
const LAST_WORDS_MS = 200;

export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #listener: ProcessListener;
  readonly #log: LogFile;
  #child: ChildProcess | null = null;
  #identity: ProcessIdentity | null = null;
  #state: ServiceState = 'stopped';
  #problem: string | null = null;
  #startedAtMs: number | null = null;
  #restarts = 0;
  #restartsInARow = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopping = false;
  #wasReady = false;
  /** Why it was ended although it ran. */
  #broken: { readonly why: string; readonly slowly: boolean } | null = null;
  /** Looks since the last beat. */
  #silentLooks = 0;
  #exitCode: number | null = null;
  #lastLines: string[] = [];
  #lastError: string | null = null;
  #stopped: (() => void)[] = [];

  constructor(spec: ProcessSpec, listener: ProcessListener) {
    this.spec = spec;
    this.#listener = listener;
    this.#log = openLogFile(spec.logPath);
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Exit code of the last process that ended by itself. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  /** True between an exit nobody asked for and the next start. */
  get hasExited(): boolean {
    return this.#state === 'failed' || (this.#state === 'waiting' && this.#timer !== null);
  }

  get problem(): string | null {
    return this.#problem;
  }

  /** What the process itself said last of an error; null when it said none. */
  get reason(): string | null {
    return this.#lastError;
  }

  get lastLines(): readonly string[] {
    return this.#lastLines;
  }

  record(): ServiceRecord {
    return {
      name: this.spec.name,
      process: this.#identity,
      state: this.#state,
      restarts: this.#restarts,
      startedAt: this.#startedAtMs === null ? null : new Date(this.#startedAtMs).toISOString(),
      problem: this.#problem,
    };
  }

  /** Starts it, or waits for what it needs. @param early what it needs may be starting: it waits for that by itself */
  start(early = false): void {
    if (this.#stopping || this.#child !== null) return;
    const { needs } = this.spec;
    if (needs !== undefined && needs.state !== 'ready' && !(early && needs.state === 'starting')) {
      this.#enter('waiting', `waits for ${needs.spec.name}`);
      return;
    }
    const beats = this.spec.silentMaxMs !== undefined;
    this.#lastError = null;
    this.#startedAtMs = Date.now();
    const child = spawn(this.spec.command, this.spec.args, {
      cwd: this.spec.cwd,
      env: beats ? { ...this.spec.env, MESH_BEAT_FD: String(BEAT_PIPE) } : this.spec.env,
      stdio: beats ? ['pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    this.#identity = child.pid === undefined ? null : identityOf(child.pid);
    if (child.pid !== undefined && this.spec.niceness) yieldTo(child.pid, this.spec.niceness);
    this.#follow(child);
    if (beats) this.#listen(child);
    this.#enter('starting', null);
  }

  /** Called when what it needs has become ready. */
  startIfWaiting(): void {
    if (this.#state === 'waiting' && this.#timer === null) this.start();
  }

  /** SIGTERM, then SIGKILL after the named time; resolves when it is gone. */
  stop(): Promise<'stopped' | 'killed' | 'idle'> {
    this.#stopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const pid = this.#child?.pid;
    if (pid === undefined) {
      if (this.#state !== 'stopped') this.#enter('stopped', null);
      this.#log.close();
      return Promise.resolve('idle');
    }
    return new Promise((resolve) => {
      let killed = false;
      const timer = setTimeout(() => {
        killed = true;
        signalGroup(pid, 'SIGKILL');
      }, this.spec.stopMs);
      this.#stopped.push(() => {
        clearTimeout(timer);
        this.#log.close();
        resolve(killed ? 'killed' : 'stopped');
      });
      signalGroup(pid, 'SIGTERM');
      // One that was stopped hears nothing until it goes on.
      signalGroup(pid, 'SIGCONT');
    });
  }

  /** It runs but does not work any more: it is ended, and started again slowly. */
  replace(why: string): void {
    const child = this.#child;
    if (child?.pid === undefined || this.#state !== 'ready' || this.#broken !== null) return;
    const { pid } = child;
    this.#broken = { why, slowly: true };
    this.#endInTime(pid);
  }

  /** Started again at once, in order, and also when it had ended: what it runs is another than before. */
  renew(why: string): void {
    if (this.#stopping) return;
    this.#restartsInARow = 0;
    const pid = this.#child?.pid;
    if (pid === undefined) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
      this.start();
      return;
    }
    if (this.#broken !== null) return;
    this.#broken = { why, slowly: false };
    this.#endInTime(pid);
  }

  /** SIGTERM, then SIGKILL after the named time. */
  #endInTime(pid: number): void {
    const child = this.#child;
    signalGroup(pid, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), this.spec.stopMs);
    child?.once('exit', () => clearTimeout(timer));
  }

  /** It reads its configuration again. */
  reload(): void {
    this.#child?.kill('SIGHUP');
  }

  /** Now, without asking: the person at the terminal insists. */
  kill(): void {
    const pid = this.#child?.pid;
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
  }

  #enter(state: ServiceState, problem: string | null): void {
    this.#state = state;
    this.#problem = problem;
    this.#listener.onChange(this);
  }

  /** Ends it when it is silent for too long. Nothing can be asked of a loop that does not turn, so it is not asked. */
  #listen(child: ChildProcess): void {
    const { silentMaxMs = 0 } = this.spec;
    const pipe = child.stdio[BEAT_PIPE];
    if (!(pipe instanceof Socket)) throw new Error('a process that beats has a pipe for it');
    this.#silentLooks = 0;
    pipe.on('data', () => {
      this.#silentLooks = 0;
    });
    pipe.on('error', () => pipe.destroy());
    const timer = setInterval(() => {
      this.#silentLooks++;
      if (this.#silentLooks * LOOK_EVERY_MS < silentMaxMs || child.pid === undefined || this.#broken !== null) return;
      this.#broken = { why: `was silent for ${silentMaxMs / 1000} s and was ended`, slowly: false };
      signalGroup(child.pid, 'SIGKILL');
    }, LOOK_EVERY_MS);
    child.once('exit', () => clearInterval(timer));
    child.once('error', () => clearInterval(timer));
  }

  #follow(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      const lines = lineSplitter((raw) => this.#line(child, raw));
      stream.on('data', (chunk: Buffer) => lines.push(chunk));
      stream.on('end', () => lines.end());
    }
    // Writing nothing to it, the supervisor only hears of the pipe when the child closes its end.
    child.stdin?.on('error', () => child.stdin?.destroy());
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.once('error', (error) => this.#ended(null, null, error.message));
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) killRestOfGroup(child.pid);
      const words = this.#verdict(code) === 'restart' && !this.#stopping ? Promise.resolve() : closed;
      void Promise.race([words, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))]).then(() =>
        this.#ended(code, signal, null),
      );
    });
  }

  #line(child: ChildProcess, raw: string): void {
    if (raw === '') return;
    this.#log.write(raw);
    this.#lastLines = [...this.#lastLines, raw].slice(-LAST_LINES);
    const line = this.spec.parse(raw);
    if (line.level === 'error') this.#lastError = [line.message, line.fields].filter((part) => part !== '').join(' ');
    this.#listener.onLine(this, line);
    if (child !== this.#child || this.#stopping) return;
    if (this.#state === 'starting' && this.spec.isReady(line)) {
      this.#wasReady = true;
      this.#enter('ready', null);
    }
  }

  #verdict(code: number | null): ReturnType<typeof exitVerdict> {
    if (this.#broken !== null) return this.#broken.slowly ? 'restart-slowly' : 'restart';
    return exitVerdict(code, this.#wasReady);
  }

  #ended(code: number | null, signal: string | null, spawnError: string | null): void {
    if (this.#child === null) return;
    this.#child = null;
    this.#identity = null;
    this.#exitCode = code;
    if (this.#stopping) {
      this.#enter('stopped', null);
      for (const resolve of this.#stopped) resolve();
      return;
    }
    const how = spawnError ?? (signal === null ? `exited with code ${code}` : `was killed by ${signal}`);
    const why = this.#broken?.why ?? (this.#lastError === null ? how : `${how}: ${this.#lastError}`);
    const verdict = spawnError === null ? this.#verdict(code) : 'give-up';
    this.#broken = null;
    if (verdict === 'give-up') {
      this.#enter('failed', why);
      return;
    }
    this.#restartsInARow = restartsAfterLife(this.#restartsInARow, Date.now() - (this.#startedAtMs ?? 0));
    const delayMs = verdict === 'restart-slowly' ? SLOW_RESTART_MS : restartDelayMs(this.#restartsInARow);
    this.#restartsInARow++;
    this.#restarts++;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.start();
    }, delayMs);
    this.#enter('waiting', why);
  }
}

/** At once after the start: the threads that the process makes later have the same priority. */
function yieldTo(pid: number, niceness: number): void {
  try {
    setPriority(pid, Math.min(NICENESS_MAX, getPriority(pid) + niceness));
  } catch (error) {
    // It has ended already, or the system does not allow it: a priority is a courtesy, not a condition.
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_SYSTEM_ERROR') throw error;
  }
}
