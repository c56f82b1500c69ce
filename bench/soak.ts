/**
 * `mesh bench --soak`: many build tasks in a row through a llm process with a real model, and its memory all the while.
 * Owns: the run, the curve, and holding it against the cap. Does not own: the mesh.
 *
 * `--tasks N` (200), `--model PATH` (a tiny one made for the run: the path through llama.cpp is what counts), `--json`.
 * Exit code 0 when every task ended and memory stayed inside the cap, 1 otherwise.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scriptOptions } from '../cli/script-options.ts';
import { livingServices } from '../registry/registry.ts';
import { Mesh } from '../tests/support/mesh.ts';
import { writeTinyModel } from '../tests/support/tiny-gguf.ts';
import { machineInfo, round } from './measure.ts';

const TASK_LIMIT_MS = 300_000;
const SAMPLE_MS = 250;
/** Of the curve. */
const POINTS = 20;
const HEAP_MB = 512;

interface Point {
  readonly tasks: number;
  readonly rssMb: number;
  /** Since the point before. */
  readonly maxMb: number;
}

interface SoakReport {
  readonly machine: Record<string, unknown>;
  readonly model: string;
  readonly tasks: number;
  readonly failed: number;
  /** Hops of coder and reviewer that the model did. */
  readonly modelHops: number;
  /** Of these, that the embedded engine did instead. */
  readonly fallbackHops: number;
  readonly capMb: number;
  readonly maxMb: number;
  /** Median of the last quarter less that of the second, megabytes. */
  readonly growthMb: number;
  readonly tokensPerSecond: number | null;
  readonly seconds: number;
  readonly curve: readonly Point[];
}

async function options() {
  const { values } = await scriptOptions({
    options: {
      soak: { type: 'boolean' },
      tasks: { type: 'string', default: '200' },
      model: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const tasks = Number(values.tasks);
  if (Number.isInteger(tasks) && tasks >= 4) return { ...values, tasks };
  process.stderr.write('--tasks is a whole number from 4\n');
  process.exit(2);
}

/** Returns the exit code. */
export async function soak(): Promise<number> {
  const { tasks, model, json } = await options();
  const folder = mkdtempSync(join(tmpdir(), 'mesh-soak-'));
  const modelPath = model ?? writeTinyModel(join(folder, 'tiny.gguf'), { name: 'tiny' });
  const env = {
    ...{ LLM_MODEL_PATH: modelPath, LLM_MAX_TOKENS: '96', LLM_CONTEXT_SIZE: '8192', LLM_SEED: '1' },
    // As the supervisor starts it. A tiny model has nothing to divide among threads.
    ...{ NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`, LLM_MEMORY_MB: String(HEAP_MB) },
    ...(model === undefined ? { LLM_THREADS: '1' } : {}),
  };
  const say = (text: string): void => void (json || process.stderr.write(`${text}\n`));
  const mesh = await Mesh.open('soak', { env });
  try {
    const report = await run(mesh, tasks, say);
    process.stdout.write(`${JSON.stringify(report, null, json ? 0 : 2)}\n`);
    return report.failed === 0 && report.maxMb <= report.capMb && report.modelHops > 0 ? 0 : 1;
  } finally {
    await mesh.close({ keepLogs: false });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(mesh: Mesh, tasks: number, say: (text: string) => void): Promise<SoakReport> {
  const beganMs = performance.now();
  const meter = startMeter(() => mesh.service('llm').life.pid);
  const curve: Point[] = [];
  const hops = { model: 0, fallback: 0 };
  let failed = 0;
  const every = Math.max(1, Math.floor(tasks / POINTS));
  for (let i = 1; i <= tasks; i += 1) {
    const id = await mesh.submit({ prompt: `Write function number ${i} in TypeScript`, workflow: 'build' });
    const { name, result } = await mesh.watch.result(id, TASK_LIMIT_MS);
    if (name !== 'task.completed') failed += 1;
    for (const { role, engine } of result.hops) {
      if (role === 'coder' || role === 'reviewer') hops[engine.includes('llama:') ? 'model' : 'fallback'] += 1;
    }
    if (i % every !== 0 && i !== 1) continue;
    const point = { tasks: i, ...meter.take() };
    curve.push(point);
    say(`${String(i).padStart(5)} tasks  ${String(point.rssMb).padStart(6)} MiB  ${bar(point.rssMb)}`);
  }
  meter.stop();
  const beat = (await livingServices(mesh.bus)).find(({ service }) => service === 'llm');
  return {
    machine: machineInfo(),
    model: beat?.capabilities?.find((tag) => tag.startsWith('model:'))?.slice('model:'.length) ?? 'none',
    ...{ tasks, failed, modelHops: hops.model, fallbackHops: hops.fallback },
    capMb: beat?.capacity?.memoryLimitMb ?? 0,
    maxMb: Math.max(...curve.map(({ maxMb }) => maxMb)),
    growthMb: round(median(quarter(curve, 3)) - median(quarter(curve, 1))),
    tokensPerSecond: beat?.capacity?.tokensPerSecond ?? null,
    seconds: Math.round((performance.now() - beganMs) / 1000),
    curve,
  };
}

/** Resident memory of the process, seen often enough that no peak of a generation is missed. */
function startMeter(pid: () => number) {
  let max = 0;
  const sample = (): number => {
    const rss = residentMb(pid());
    max = Math.max(max, rss);
    return rss;
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    take() {
      const rssMb = sample();
      const maxMb = max;
      max = 0;
      return { rssMb, maxMb };
    },
    stop: () => clearInterval(timer),
  };
}

/** 0 while the process is being started again. */
function residentMb(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Math.round(Number(line?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function quarter(curve: readonly Point[], index: number): number[] {
  const size = Math.max(1, Math.floor(curve.length / 4));
  return curve.slice(index * size, (index + 1) * size).map(({ rssMb }) => rssMb);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function bar(rssMb: number): string {
  return '█'.repeat(Math.round(rssMb / 10));
}
