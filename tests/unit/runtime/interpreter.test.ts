/** What of XState can be made durable, and what is refused (S2). */
import { describe, expect, test } from 'vitest';
import { assign, createMachine, emit, log, raise, sendTo, setup, spawnChild } from 'xstate';
import { effectLogic, out } from '../../../actors/runtime/role.ts';
import { begin, decide, freeze, MachineError, thaw } from '../../../actors/runtime/tasks/interpreter.ts';

const go = { type: 'go' };
const replied = () => out('hop.replied', 'orchestrator', { step: 's', attempt: 1, status: 'completed' });

describe('actions', () => {
  test('emit of out() is an event to send', () => {
    const machine = createMachine({ on: { go: { actions: emit(replied) } } });
    const { commands } = decide(machine, begin(machine).snapshot, go);
    expect(commands).toEqual([{ kind: 'send', outgoing: replied() }]);
  });

  test('S2: an emit of anything else is an error, not a loss', () => {
    const machine = createMachine({ on: { go: { actions: emit({ type: 'hello' }) } } });
    expect(() => decide(machine, begin(machine).snapshot, go)).toThrow(MachineError);
  });

  test.each([
    ['log', createMachine({ on: { go: { actions: log('hello') } } })],
    ['a function', createMachine({ on: { go: { actions: () => undefined } } })],
    ['sendTo', createMachine({ on: { go: { actions: sendTo('other', { type: 'hello' }) } } })],
    ['spawn of logic', createMachine({ on: { go: { actions: spawnChild(effectLogic()) } } })],
  ])('S2: %s cannot be made durable and is refused', (_what, machine) => {
    expect(() => decide(machine, begin(machine).snapshot, go)).toThrow();
  });

  test('S2: a delayed raise without an id cannot be found again; one with an id is a timer', () => {
    const named = createMachine({ on: { go: { actions: raise({ type: 'later' }, { delay: 5, id: 'soon' }) } } });
    expect(decide(named, begin(named).snapshot, go).commands).toEqual([
      { kind: 'arm-timer', timer: 'soon', delayMs: 5, event: { type: 'later' } },
    ]);
  });

  test('an immediate raise is done inside the same decision', () => {
    const machine = createMachine({
      initial: 'a',
      states: { a: { on: { go: { actions: raise({ type: 'on' }) }, on: 'b' } }, b: {} },
    });
    expect(decide(machine, begin(machine).snapshot, go).snapshot.value).toBe('b');
  });

  test('S9: a machine that ends in an error throws', () => {
    const machine = createMachine({
      context: { n: 0 },
      on: {
        go: {
          actions: assign(() => {
            throw new Error('division by zero');
          }),
        },
      },
    });
    expect(() => decide(machine, begin(machine).snapshot, go)).toThrow(/division by zero|the machine failed/);
  });

  test('S2: what one decision made is not found in the next', () => {
    const machine = createMachine({ on: { go: { actions: emit(replied) }, wait: {} } });
    const { snapshot } = begin(machine);
    decide(machine, snapshot, go);
    expect(decide(machine, snapshot, { type: 'wait' }).commands).toEqual([]);
  });
});

describe('snapshots', () => {
  const machine = setup({ actors: { work: effectLogic<{ text: string }, string>() } }).createMachine({
    context: { given: [1, 2], nested: { deep: null } },
    initial: 'busy',
    states: {
      busy: { invoke: { id: 'work', src: 'work', input: { text: 'long '.repeat(1000) }, onDone: 'idle' } },
      idle: {},
    },
  });

  test('S3: freeze, thaw and freeze again gives the same text', () => {
    const text = JSON.stringify(freeze(machine, begin(machine).snapshot));
    expect(JSON.stringify(freeze(machine, thaw(machine, JSON.parse(text))))).toBe(text);
  });

  test('S8: the input of a running effect is in its row, not in the snapshot too', () => {
    expect(JSON.stringify(freeze(machine, begin(machine).snapshot))).not.toContain('long long');
  });

  test('S4: a thawed snapshot goes on like the one it was', () => {
    const { snapshot } = begin(machine);
    const settled = { type: 'xstate.done.actor.work', output: 'x', actorId: 'work' };
    const straight = decide(machine, snapshot, settled);
    const revived = decide(machine, thaw(machine, freeze(machine, snapshot)), settled);
    expect(JSON.stringify(freeze(machine, revived.snapshot))).toBe(JSON.stringify(freeze(machine, straight.snapshot)));
    expect(revived.commands).toEqual(straight.commands);
  });

  test.each([
    ['a state that is gone', { status: 'active', value: 'resting', historyValue: {}, context: {}, children: {} }],
    ['a text', '{"status":'],
  ])('S11: %s cannot be loaded', (_what, stored) => {
    expect(() => thaw(machine, stored)).toThrow(MachineError);
  });
});
