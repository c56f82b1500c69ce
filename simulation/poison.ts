/**
 * Messages that nobody should accept. Owns: making them, and saying by whom and why each has to be quarantined. Does not
 * own: sending them.
 */
import type { MeshEvent } from '../schemas/events/envelope.ts';
import { inboxSubject, PARTITIONS, partitionOf } from '../schemas/events/subjects.ts';
import type { Random } from './random.ts';

export interface Poison {
  readonly subject: string;
  readonly body: string | Uint8Array;
  /** Who has to quarantine it: the ingress or a role. */
  readonly lane: string;
  /** With one of these codes. */
  readonly codes: readonly string[];
}

export interface PoisonGround {
  readonly random: Random;
  readonly roles: readonly string[];
  /** Events that the log has stored, for forging. */
  readonly stored: () => readonly MeshEvent[];
}

type Make = (ground: PoisonGround) => Poison | null;

const atIngress = (body: string | Uint8Array, ...codes: string[]): Poison => ({
  subject: 'mesh.tasks',
  body,
  lane: 'ingress',
  codes,
});
const nobody = '00000000-0000-4000-8000-000000000000';
const event = (fields: object): string =>
  JSON.stringify({ specversion: '1.0', id: 'x', source: '/test', type: 'dev.agentmesh.task.submitted.v1', ...fields });

/** An event that its schema allows, for an actor that is not there. */
function stray(recipient: string, correlationid: string, id: string): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: '/mesh/orchestrator',
    type: 'dev.agentmesh.hop.cancelled.v1',
    subject: correlationid,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    correlationid,
    causationid: id,
    hopindex: 1,
    remainingloops: 0,
    senderrole: 'orchestrator',
    recipientrole: recipient,
    release: 1,
    traceparent: '00-00000000000040008000000000000000-0000000000000001-01',
    data: { step: 'nothing', attempt: 1, reason: 'stray' },
  });
}

const strangerId = (random: Random): string =>
  `00000000-0000-8000-8000-${random.int(0, 0xffffff).toString(16).padStart(12, '0')}`;

/** What forging is about: an event that changes a machine's state. */
const forgeable = /\.(hop\.requested|hop\.replied|llm\.requested|llm\.replied|task\.submitted)\.v1$/;

const poisons = {
  binary: () => atIngress(new Uint8Array([0, 1, 2, 250, 251]), 'not_json'),
  'binary-text': () => atIngress('\u0000\u0001\u0002', 'not_json'),
  'broken-json': () => atIngress('{"prompt": ', 'not_json'),
  empty: () => atIngress('', 'invalid_data'),
  array: () => atIngress('[1, 2]', 'invalid_data'),
  'no-prompt': () => atIngress('{"prompt": 5}', 'invalid_data'),
  'bad-id': () => atIngress('{"prompt": "x", "id": "mine"}', 'invalid_envelope'),
  'forbidden-key': () => atIngress('{"prompt": "x", "__proto__": {"a": 1}}', 'forbidden_key'),
  deep: () => atIngress(`{"prompt": ${'['.repeat(40)}${']'.repeat(40)}}`, 'too_deep'),
  'unknown-type': () => atIngress(event({ type: 'dev.agentmesh.task.exploded.v1' }), 'unknown_type'),
  'internal-type': () => atIngress(event({ type: 'dev.agentmesh.hop.replied.v1' }), 'unknown_type'),
  'no-source': () => atIngress(event({ source: undefined }), 'invalid_envelope'),
  'cancel-of-nothing': () => atIngress(event({ type: 'dev.agentmesh.task.cancel.requested.v1' }), 'invalid_envelope'),
  'below-ingress': ({ random }) => ({
    ...atIngress('{"prompt": "x"}', 'misaddressed'),
    ...{ subject: `mesh.tasks.${random.pick(['new', 'doors.new', 'doors2'])}`, lane: 'doors' },
  }),
  'door-garbage': () => ({ ...atIngress('{"prompt": ', 'not_json'), subject: 'mesh.tasks.doors', lane: 'doors' }),
  'inbox-garbage': ({ random, roles }) => {
    const lane = random.pick(roles);
    return { subject: inboxSubject(lane, nobody), body: 'garbage', lane, codes: ['not_json'] };
  },
  'inbox-no-event': ({ random, roles }) => {
    const lane = random.pick(roles);
    return { subject: inboxSubject(lane, nobody), body: '{"a": 1}', lane, codes: ['invalid_envelope'] };
  },
  'inbox-stranger': ({ random, roles }) => {
    const lane = random.pick(roles);
    const body = stray(lane, nobody, strangerId(random));
    return { subject: inboxSubject(lane, nobody), body, lane, codes: ['unknown_task'] };
  },
  'inbox-misaddressed': ({ random, roles }) => {
    const lane = random.pick(roles);
    const body = stray('watchers', nobody, strangerId(random));
    return { subject: inboxSubject(lane, nobody), body, lane, codes: ['misaddressed'] };
  },
  'inbox-wrong-partition': ({ random, roles }) => {
    const lane = random.pick(roles);
    const partition = (partitionOf(nobody) + random.int(1, PARTITIONS - 1)) % PARTITIONS;
    const body = stray(lane, nobody, strangerId(random));
    return { subject: `mesh.in.${lane}.${partition}.${nobody}`, body, lane, codes: ['misaddressed'] };
  },
  'forged-content': (ground) => forge(ground, ({ hopindex, ...rest }) => ({ ...rest, hopindex: hopindex + 1 })),
} satisfies Record<string, Make>;

export type PoisonName = keyof typeof poisons;
export const poisonNames = Object.keys(poisons) as readonly PoisonName[];
/** For the lane of the mesh's own doors, and of what was published beside them. */
export const strayNames: readonly PoisonName[] = ['below-ingress', 'door-garbage'];

/** Null when there is nothing to forge yet. */
export function makePoison(name: PoisonName, ground: PoisonGround): Poison | null {
  const make: Make = poisons[name];
  return make(ground);
}

/** A stored event once more under its own id, but saying something else. */
function forge(ground: PoisonGround, change: (event: MeshEvent) => object): Poison | null {
  const stored = ground
    .stored()
    .filter(({ type, recipientrole }) => forgeable.test(type) && recipientrole !== 'watchers');
  if (stored.length === 0) return null;
  const original = ground.random.pick(stored);
  const lane = original.recipientrole;
  const subject = inboxSubject(lane, original.correlationid);
  return { subject, body: JSON.stringify(change(original)), lane, codes: ['conflicting_duplicate'] };
}
