/**
 * What a machine decided, carried out on the rows of its actor: a pure function. Owns: which effects and timers begin and
 * end, and the envelope of what is said. Does not own: the decision (`interpreter.ts`), running or sending any of it.
 */
import { outputEventId } from '../../../schemas/events/ids.ts';
import { makeEvent } from '../../../schemas/events/make-event.ts';
import { childOf } from '../../../schemas/events/trace-context.ts';
import type { Outgoing } from '../role.ts';
import { type Actor, type Applied, type EffectRow, type LoggedEvent, type Output, spokenWith } from './actor.ts';
import type { Command, Decision } from './interpreter.ts';

/** Carries a machine's commands out on the actor's rows. */
export function carryOut(actor: Actor, decision: Decision, logged: LoggedEvent): Applied {
  const effects = new Map(actor.effects);
  const timers = new Map(actor.timers);
  const outputs: Output[] = [];
  const startedEffects: EffectRow[] = [];
  const endedEffects: EffectRow[] = [];
  const endEffect = (id: string): void => {
    const row = effects.get(id);
    if (row && effects.delete(id)) endedEffects.push(row);
  };
  const one = (command: Command): void => {
    switch (command.kind) {
      case 'send':
        outputs.push(output(actor, logged, command.outgoing, outputs.length));
        return;
      case 'start-effect': {
        endEffect(command.effect);
        const row = pendingEffect(command, actor.transitionIndex);
        effects.set(command.effect, row);
        startedEffects.push(row);
        return;
      }
      case 'stop-effect':
        endEffect(command.effect);
        return;
      case 'arm-timer': {
        const { timer, event, delayMs } = command;
        timers.set(timer, { timer, event, armedVersion: actor.transitionIndex, dueUpMs: logged.upMs + delayMs });
        return;
      }
      case 'disarm-timer':
        timers.delete(command.timer);
        return;
      default:
        throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
    }
  };
  for (const command of decision.commands) one(command);
  let { peers } = actor;
  for (const { to } of outputs) peers = spokenWith({ role: actor.role, peers }, to, 'asked');
  const done = decision.snapshot.status === 'done';
  if (done) {
    for (const id of [...effects.keys()]) endEffect(id);
    timers.clear();
  }
  return {
    kind: 'applied',
    actor: { ...actor, snapshot: decision.snapshot, done, peers, effects, timers },
    outputs,
    startedEffects: startedEffects.filter((row) => effects.get(row.effect) === row),
    endedEffects,
  };
}

function pendingEffect(command: Command & { kind: 'start-effect' }, armedVersion: number): EffectRow {
  const { effect, src, input } = command;
  return { effect, src, input: input ?? null, armedVersion, failures: 0, started: false };
}

function output(actor: Actor, { event: cause, atMs }: LoggedEvent, outgoing: Outgoing, index: number): Output {
  const { correlationId, role } = actor;
  const id = outputEventId(correlationId, role, actor.transitionIndex, index);
  const event = makeEvent(
    outgoing.name,
    {
      ...{ id, maker: role, correlationId, cause: cause.id, atMs, release: actor.release },
      ...{ hop: outgoing.hop ?? actor.hop, loops: outgoing.loops ?? actor.loops },
      ...{ from: outgoing.relay?.from ?? role, to: outgoing.relay?.to ?? outgoing.to },
      traceparent: childOf(actor.traceparent, id),
    },
    outgoing.data,
  );
  return { to: outgoing.via ?? outgoing.to, event, awaited: outgoing.awaited ?? false };
}
