/**
 * The only builder of subjects. Owns: the names of subjects, streams and partitions. Does not own: what is sent there.
 */

/** Asks the keeper for all streams and buckets; answered once they are there. Core NATS. */
export const KEEPER_SUBJECT = 'mesh.keeper.topology';

export const STREAM = 'MESH';
export const QUARANTINE_STREAM = 'MESH_QUARANTINE';
export const CHECKPOINT_STREAM = 'MESH_CHECKPOINTS';
export const INGRESS_SUBJECT = 'mesh.tasks';
/** What doors of the mesh pass on, with the caller that each of them knows; closed to whoever may only submit. */
export const DOORS_SUBJECT = `${INGRESS_SUBJECT}.doors`;
/** Beside the doors nothing is expected there; it is stored, so that it can be set aside with its reason. */
export const BELOW_INGRESS = `${INGRESS_SUBJECT}.>`;

/** Fixed: partitions are written into subjects and ledgers, so changing the number needs a new stream. */
export const PARTITIONS = 8;
/** From 0. */
export const partitionNumbers: readonly number[] = Array.from({ length: PARTITIONS }, (_, partition) => partition);

const ROLE = /^[a-z][a-z0-9]{0,31}$/;
const CORRELATION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const encoder = new TextEncoder();
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII begins there
const ASCII = /^[\u0000-\u007f]*$/;

/** FNV-1a, 32 bits, over UTF-8; equals the server's `partition()` subject mapping. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  if (ASCII.test(text)) {
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  } else {
    for (const byte of encoder.encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

export function partitionOf(correlationId: string): number {
  return fnv1a32(correlationId) % PARTITIONS;
}

export function isCorrelationId(text: string): boolean {
  return CORRELATION_ID.test(text);
}

/** RFC 9562, sections 5.9 and 5.10. */
const NAMELESS: Readonly<Record<string, string>> = {
  '00000000-0000-0000-0000-000000000000': 'the nil UUID',
  'ffffffff-ffff-ffff-ffff-ffffffffffff': 'the max UUID',
};

/** In either case, as a URN (RFC 9562, section 4), and in the braces of Microsoft's libraries. */
function bareId(text: string): string {
  const id = text.toLowerCase();
  return /^\{(.*)\}$/.exec(id)?.[1] ?? id.replace(/^urn:uuid:/, '');
}

/** An id as RFC 9562 reads it, of any version, in any of its forms. Null for anything else. */
export function readCorrelationId(text: string): string | null {
  const id = bareId(text);
  return isCorrelationId(id) ? id : null;
}

/** What is wrong with a text that is no id, after the name of its field. */
export function whyNoId(text: string): string {
  const nameless = NAMELESS[bareId(text)];
  if (nameless === undefined) return 'must be a UUID; a name of your own goes into key';
  return `is ${nameless}, which names nothing: leave it out, or send another`;
}

function checked(value: string, pattern: RegExp, what: string): string {
  if (!pattern.test(value)) throw new RangeError(`not a ${what}: ${JSON.stringify(value.slice(0, 80))}`);
  return value;
}

/** The inboxes of a role, as spans and the quarantine name where something was for. */
export function inboxesOf(role: string): string {
  return `mesh.in.${role}`;
}

/** Where an event for one actor instance goes: `mesh.in.<role>.<partition>.<correlationId>`. */
export function inboxSubject(role: string, correlationId: string): string {
  checked(role, ROLE, 'role');
  checked(correlationId, CORRELATION_ID, 'correlation id');
  return `mesh.in.${role}.${partitionOf(correlationId)}.${correlationId}`;
}

/** All inboxes of a role, or of all roles. */
export function inboxFilter(role?: string): string {
  return role === undefined ? 'mesh.in.>' : `mesh.in.${checked(role, ROLE, 'role')}.>`;
}

/** The inboxes of all roles for one task. */
export function taskInboxFilter(correlationId: string): string {
  return `mesh.in.*.${partitionOf(correlationId)}.${checked(correlationId, CORRELATION_ID, 'correlation id')}`;
}

/** Public facts of a task. */
export function factSubject(correlationId: string): string {
  return `mesh.events.${checked(correlationId, CORRELATION_ID, 'correlation id')}`;
}

export const FACT_FILTER = 'mesh.events.*';

/** Generated text of a task as it appears; core NATS, not stored. */
export function tokenSubject(correlationId: string): string {
  return `mesh.tokens.${checked(correlationId, CORRELATION_ID, 'correlation id')}`;
}

export const TOKEN_FILTER = 'mesh.tokens.*';

/** How far an effect of a host is that tells no facts itself; core NATS. The host of the orchestrator makes facts of it. */
export function progressSubject(correlationId: string): string {
  return `mesh.progress.${checked(correlationId, CORRELATION_ID, 'correlation id')}`;
}

export const PROGRESS_FILTER = 'mesh.progress.*';

/** Asks the keeper of a task for what it remembers; core NATS. */
export function recallSubject(correlationId: string): string {
  return `${RECALL_PREFIX}${checked(correlationId, CORRELATION_ID, 'correlation id')}`;
}

const RECALL_PREFIX = 'mesh.recall.';
export const RECALL_FILTER = `${RECALL_PREFIX}*`;

/** The task that is asked for; null for a subject of another form. */
export function recalledId(subject: string): string | null {
  const id = subject.startsWith(RECALL_PREFIX) ? subject.slice(RECALL_PREFIX.length) : '';
  return isCorrelationId(id) ? id : null;
}

/** Asks whoever made a request of a task whether it is still open; core NATS. */
export function askedSubject(role: string, correlationId: string): string {
  return `mesh.asked.${checked(role, ROLE, 'role')}.${checked(correlationId, CORRELATION_ID, 'correlation id')}`;
}

export const ASKED_FILTER = 'mesh.asked.*.*';

/** Null for a subject of another form. */
export function parseAskedSubject(subject: string): { readonly role: string; readonly correlationId: string } | null {
  const [mesh, kind, role = '', correlationId = '', ...rest] = subject.split('.');
  const isOne = mesh === 'mesh' && kind === 'asked' && rest.length === 0;
  return isOne && ROLE.test(role) && isCorrelationId(correlationId) ? { role, correlationId } : null;
}

/** The journal of a partition of a service's tasks: what its actors were told, in order. */
export function journalSubject(service: string, partition: number): string {
  return `mesh.journal.${checked(service, ROLE, 'service')}.${partition}`;
}

export const JOURNAL_FILTER = 'mesh.journal.*.*';

/** The journals that a task may be in, of every service. */
export function journalsOf(correlationId: string): string {
  return `mesh.journal.*.${partitionOf(correlationId)}`;
}

/** The journals of a service, of every partition. */
export function journalFilter(service: string): string {
  return `mesh.journal.${checked(service, ROLE, 'service')}.*`;
}

/** Whether what is there was written by a journal's host for itself. */
export function isJournal(subject: string): boolean {
  return subject.startsWith('mesh.journal.');
}

/** Which hosts of a service live, and how many partitions each has; core NATS, at each beat. */
export function hostsSubject(service: string): string {
  return `mesh.hosts.${checked(service, ROLE, 'service')}`;
}

/** What a partition of a service's tasks was at its checkpoints. */
export function checkpointSubject(service: string, partition: number): string {
  return `mesh.checkpoint.${checked(service, ROLE, 'service')}.${partition}`;
}

export const CHECKPOINT_FILTER = 'mesh.checkpoint.*.*';

/** The checkpoints of a service, of every partition. */
export function checkpointFilter(service: string): string {
  return `mesh.checkpoint.${checked(service, ROLE, 'service')}.*`;
}

/** How far the ledger of a host of the service reached when it started; the name is encoded, the message says it. */
export function endsSubject(service: string, host: string): string {
  return `mesh.ends.${checked(service, ROLE, 'service')}.${Buffer.from(host).toString('base64url')}`;
}

/** @param service `*` for all */
export function endsFilter(service = '*'): string {
  return `mesh.ends.${service === '*' ? service : checked(service, ROLE, 'service')}.*`;
}
/** What every lane refused. */
export const QUARANTINE_FILTER = 'mesh.quarantine.>';
/** What the stream of the quarantine stores. */
export const QUARANTINE_SUBJECTS = 'mesh.quarantine.*';

/** The word in the quarantine for what stands in a journal and is no record. */
export const JOURNAL_LANE = 'journal';

export function quarantineSubject(role: string): string {
  return `mesh.quarantine.${checked(role, ROLE, 'role')}`;
}

export type ParsedSubject =
  | { kind: 'ingress' }
  | { kind: 'inbox'; role: string; partition: number; correlationId: string }
  | { kind: 'fact'; correlationId: string }
  | { kind: 'other' };

/** Never throws: what is not of the mesh is `other`. */
export function parseSubject(subject: string): ParsedSubject {
  if (subject === INGRESS_SUBJECT || subject === DOORS_SUBJECT) return { kind: 'ingress' };
  const [mesh, kind, ...rest] = subject.split('.');
  if (mesh !== 'mesh') return { kind: 'other' };
  if (kind === 'events' && rest.length === 1 && rest[0] !== undefined && isCorrelationId(rest[0])) {
    return { kind: 'fact', correlationId: rest[0] };
  }
  if (kind !== 'in' || rest.length !== 3) return { kind: 'other' };
  const [role = '', partition = '', correlationId = ''] = rest;
  if (!ROLE.test(role) || !isCorrelationId(correlationId)) return { kind: 'other' };
  if (partition !== String(partitionOf(correlationId))) return { kind: 'other' };
  return { kind: 'inbox', role, partition: Number(partition), correlationId };
}
