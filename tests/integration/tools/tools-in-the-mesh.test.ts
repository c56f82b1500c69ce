/**
 * Tools and MCP servers in a real mesh: whole tasks, with servers and the tools process killed in the middle of calls,
 * tools that hang and answer too much, and breakers as the registry shows them.
 */
import { expect, test } from 'vitest';
import { type HeartbeatData, livingServices } from '../../../registry/registry.ts';
import { killProcess } from '../../support/kill.ts';
import { useOddMesh } from './support/odd-mesh.ts';
import { until } from './support/until.ts';

const LIMIT_MS = 90_000;
/** The call in which the server was left takes longer than this: it does not end by itself. */
const ENDED_LIMIT_MS = 90_000;
const { mesh, calls, called } = useOddMesh('tools-in-the-mesh');

function submit(prompt: string): Promise<string> {
  return mesh().submit({ prompt, workflow: 'tool' });
}

async function answer(prompt: string): Promise<string> {
  const { name, result } = await mesh().watch.result(await submit(prompt), LIMIT_MS);
  return name === 'task.completed' ? result.answer : `${name}: ${result.error?.message}`;
}

/** The heartbeat of the tools service, once it says what is wanted. */
function heartbeat(wanted: (beat: HeartbeatData) => boolean, what: string): Promise<HeartbeatData> {
  let last: HeartbeatData | undefined;
  return until(
    async () => {
      last = (await livingServices(mesh().bus)).find(({ service }) => service === 'tools');
      return last !== undefined && wanted(last) ? last : undefined;
    },
    LIMIT_MS,
    () => `${what}; last: ${JSON.stringify(last)}`,
  );
}

test('the registry names every tool and server, and what is wrong', async () => {
  const beat = await heartbeat(({ capabilities }) => capabilities?.includes('mcp:odd') === true, 'mcp:odd is there');
  expect(beat.capabilities).toEqual(
    expect.arrayContaining(['tool:calculator', 'tool:read_file', 'tool:odd.look', 'mcp:hasty']),
  );
  expect(beat.problems).toEqual([expect.stringMatching(/server "broken": command or url is missing$/)]);
  expect(beat.capacity).toMatchObject({ queueDepth: 0, freeSlots: 64 });
});

test('built-in tools and those of servers answer tasks', async () => {
  expect(await answer('tool:calculator {"expression": "6 * 7"}')).toBe('The tool calculator answered: 42');
  expect(await answer('read notes.md')).toBe('The tool read_file answered: remember the milk');
  expect(await answer('tool:read_file {"path": "../../etc/passwd"}')).toContain('.. leads out of the workspace');
  expect(await answer('use odd.look {"ms": 1}')).toBe('The tool odd.look answered: look waited 1 ms');
  expect(await answer('tool:odd.look {"ms": "x"}')).toContain('arguments/ms must be number');
  expect(await answer('tool:odd.fail')).toBe('task.failed: odd.fail: the printer is on fire');
  expect(await answer('tool:nothing {}')).toContain('There is no tool nothing. There are: convert,');
});

test('S6: the server of a pure tool is killed in the call: it is called again, and the task completes', async () => {
  const task = await submit('tool:odd.look {"ms": 2000}');
  const [first] = await called(task, 1);
  killProcess(first?.pid);
  expect((await mesh().watch.result(task, LIMIT_MS)).name).toBe('task.completed');
  expect(calls(task)).toHaveLength(2);
});

test('S6: a keyed tool is called again under the same key', async () => {
  const task = await submit('tool:odd.put {"ms": 2000}');
  const [first] = await called(task, 1);
  killProcess(first?.pid);
  expect((await mesh().watch.result(task, LIMIT_MS)).name).toBe('task.completed');
  const [one, two] = calls(task);
  expect(two?.key).toBe(one?.key);
});

test('S6: the server of a tool that may not be repeated is killed in the call: the task asks, and does not call again', async () => {
  const task = await submit('tool:odd.act {"ms": 60000}');
  const [first] = await called(task, 1);
  killProcess(first?.pid);
  const { event } = await mesh().watch.fact(task, 'task.input.required', LIMIT_MS);
  expect(event.data).toMatchObject({
    reason: 'outcome_unknown',
    question: expect.stringContaining('may or may not have happened'),
  });
  await mesh().say('task.input.provided', task, { text: 'done' });
  expect((await mesh().watch.result(task, LIMIT_MS)).name).toBe('task.completed');
  expect(calls(task)).toHaveLength(1);
});

test('S6: the tools process is killed in calls: its servers end with it, what may be repeated is, the other asks', async () => {
  const look = await submit('tool:odd.look {"ms": 3000}');
  const act = await submit('tool:odd.act {"ms": 60000}');
  const [[first]] = await Promise.all([called(look, 1), called(act, 1)]);
  await mesh().service('tools').kill('SIGKILL');
  expect((await mesh().watch.result(look, LIMIT_MS)).name).toBe('task.completed');
  await mesh().watch.fact(act, 'task.input.required', LIMIT_MS);
  expect(calls(act)).toHaveLength(1);
  expect(calls(look).length).toBeGreaterThanOrEqual(2);
  await until(
    async () => (isAlive(first?.pid ?? 0) ? undefined : true),
    ENDED_LIMIT_MS,
    'the server of the killed process ended',
  );
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('S8: an answer of five megabytes is cut, says so, and is logged', async () => {
  const said = await answer('tool:odd.big {"bytes": 5242880}');
  expect(said.length).toBeLessThan(200_000);
  expect(said).toMatch(/these are the first 190000/);
  await mesh()
    .service('tools')
    .line(({ msg }) => msg === 'a cap of a tool was reached: its answer is cut', LIMIT_MS, 'the cap');
});

test('S8: a tool that hangs ends its tasks with the reason; its breaker opens, half-opens and closes again', async () => {
  const stateOf = (beat: HeartbeatData) => beat.breakers?.find(({ name }) => name === 'tool:hasty.look')?.state;
  const failed = await answer('tool:hasty.look {"ms": 60000}');
  expect(failed).toMatch(/^task\.failed: hasty\.look: (no answer within 0\.4 s|.* is left alone after \d failures)/);
  const open = await heartbeat((beat) => stateOf(beat) === 'open', 'the breaker is open');
  expect(open.breakers?.find(({ name }) => name === 'tool:hasty.look')).toMatchObject({
    // The one that is tried may also find the server being started anew.
    reason: expect.stringMatching(/^no (answer|result) within /),
  });
  // Half-open lets one call through: it works, and the breaker closes.
  await until(
    async () => ((await answer('tool:hasty.look {"ms": 1}')).endsWith('waited 1 ms') ? true : undefined),
    LIMIT_MS,
    'a call gets through',
  );
  await heartbeat((beat) => stateOf(beat) === 'closed', 'the breaker is closed');
  const { lines } = mesh().service('tools').life;
  const said = lines.filter(({ breaker }) => breaker === 'tool:hasty.look').map(({ msg }) => msg);
  expect(said).toEqual(
    expect.arrayContaining(['the breaker opened', 'the breaker tries one call', 'the breaker closed']),
  );
});
