/** How the race counts: step bodies by their trace, CPU by /proc, ends of tasks by facts, and the job itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { endingIn } from '../../../bench/peers/facts.ts';
import { checkAnswer, createJob, FIRST_TEXT, STEP_BYTES, STEPS } from '../../../bench/peers/job.ts';
import { descendants, ProcessTree, parseStat } from '../../../bench/peers/proc.ts';
import { countTrace, traceLine } from '../../../bench/peers/trace.ts';

const folder = mkdtempSync(join(tmpdir(), 'mesh-race-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the trace', () => {
  it('counts different steps, and those that began or ended twice', () => {
    const text = [
      traceLine('begun', 'a', 1),
      traceLine('ended', 'a', 1),
      traceLine('begun', 'a', 2),
      traceLine('begun', 'a', 2),
      traceLine('ended', 'a', 2),
      traceLine('ended', 'a', 2),
      traceLine('begun', 'b', 1),
      traceLine('begun', 'b', 1),
      traceLine('ended', 'b', 1),
    ].join('');
    expect(countTrace(text, new Set(['a', 'b']))).toEqual({ begun: 3, ended: 3, begunTwice: 2, endedTwice: 1 });
  });

  it('leaves out other runs, and a line whose writer was killed in the midst of it', () => {
    const text = `${traceLine('ended', 'a', 1)}${traceLine('ended', 'warm-up', 1)}E a 1`;
    expect(countTrace(text, new Set(['a']))).toEqual({ begun: 0, ended: 1, begunTwice: 0, endedTwice: 0 });
    expect(countTrace('', new Set(['a'])).ended).toBe(0);
  });
});

describe('the job', () => {
  it('gives every step the text of the one before, another text each time, and traces its body', async () => {
    const tracePath = join(folder, 'trace');
    const job = createJob({ tracePath });
    const texts = [FIRST_TEXT];
    for (let index = 1; index <= STEPS; index += 1) texts.push(await job.step('run', index, texts.at(-1)));
    expect(new Set(texts).size).toBe(STEPS + 1);
    checkAnswer(texts.at(-1));
    expect(Buffer.byteLength(texts.at(-1) ?? '')).toBe(STEP_BYTES);
    expect(countTrace(readFileSync(tracePath, 'utf8'), new Set(['run']))).toMatchObject({ begun: STEPS, ended: STEPS });
  });

  it('throws when a text was lost or cut on the way', async () => {
    const job = createJob({});
    await expect(job.step('run', 2, FIRST_TEXT)).rejects.toThrow(
      'step 2 needs a text of 2048 bytes and was given 18 bytes',
    );
    await expect(job.step('run', 1, undefined)).rejects.toThrow('was given no text but undefined');
    expect(() => checkAnswer('short')).toThrow('a run must answer 2048 bytes and answered 5 bytes');
  });
});

describe('the end of a task', () => {
  const event = (name: string, answer: string) => ({
    specversion: '1.0',
    type: `dev.agentmesh.task.${name}.v1`,
    data: { result: { outcome: 'answered', answer } },
  });
  const other = { type: 'dev.agentmesh.hop.completed.v1', data: { hop: 5 } };

  it('is found in one event and in a batch of them', () => {
    expect(endingIn(JSON.stringify(event('completed', 'yes')))).toEqual({ answer: 'yes' });
    expect(endingIn(JSON.stringify([other, event('completed', 'yes')]))).toEqual({ answer: 'yes' });
    expect(endingIn(JSON.stringify([other, event('failed', '')]))).toMatchObject({
      error: expect.stringContaining('failed'),
    });
  });

  it('is not found where a task goes on, or only speaks of the end', () => {
    expect(endingIn(JSON.stringify([other]))).toBeNull();
    expect(endingIn(JSON.stringify({ ...other, data: { text: 'dev.agentmesh.task.completed.v1' } }))).toBeNull();
  });
});

describe('CPU by /proc', () => {
  it('reads a line whose name holds anything', () => {
    const line = '42 (a) b (c) S 7 42 42 0 -1 0 0 0 0 0 10 5 3 2 20 0 1 0 98765 0 0';
    expect(parseStat(line)).toEqual({ pid: 42, parent: 7, started: 98765, cpuMs: 200 });
    expect(parseStat('')).toBeNull();
  });

  it('finds everything that descends from the roots, parents first', () => {
    const stat = (pid: number, parent: number) => ({ pid, parent, started: 1, cpuMs: 0 });
    const all = [stat(5, 3), stat(3, 2), stat(2, 1), stat(9, 1), stat(4, 2)];
    expect(descendants(all, new Set([2])).map(({ pid }) => pid)).toEqual([2, 3, 4, 5]);
  });

  it('counts what an ended grandchild used', async () => {
    // The grandchild burns as long as the clock of its own CPU says, whatever else the machine does.
    const burn = 'const end = 150_000; while (process.cpuUsage().user < end);';
    const parent = `require('node:child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(burn)}]);
      process.stdout.write('done'); process.stdin.resume();`;
    const child = spawn(process.execPath, ['-e', parent], { stdio: ['pipe', 'pipe', 'inherit'] });
    const tree = new ProcessTree();
    tree.add(child.pid ?? 0);
    const before = tree.cpuMs();
    await once(child.stdout, 'data');
    expect(tree.living()).toHaveLength(1);
    expect(tree.cpuMs() - before).toBeGreaterThanOrEqual(100);
    expect(tree.memoryMb()).toBeGreaterThan(1);
    const gone = once(child, 'exit');
    child.stdin.end();
    await gone;
    expect(tree.living()).toHaveLength(0);
  });
});
