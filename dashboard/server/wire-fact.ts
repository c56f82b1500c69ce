/**
 * Facts as pages get them. Owns: cutting long texts, so that the structure of a task comes first and its payloads when
 * somebody looks. Does not own: reading facts (`schemas/events/fact.ts`).
 *
 * Invariant: a cut fact has the keys and the types of the whole one; only texts are shorter.
 */
import type { Fact } from '../../schemas/events/fact.ts';
import type { WireFact } from '../wire.ts';

/** Characters of data that travel with the structure. */
const WHOLE_MAX = 4096;
/** Of each text in larger data. */
const TEXT_MAX = 600;
const ITEMS_MAX = 60;

export function wireFact({ event, seq, index, atMs, storedAtMs }: Fact): WireFact {
  const size = JSON.stringify(event.data).length;
  return {
    ...{ seq, index, atMs, storedAtMs },
    id: event.id,
    type: event.type.replace(/^dev\.agentmesh\./, '').replace(/\.v\d+$/, ''),
    from: event.senderrole,
    to: event.recipientrole,
    cause: event.causationid,
    data: size > WHOLE_MAX ? shortened(event.data) : event.data,
    cutFrom: size > WHOLE_MAX ? size : null,
  };
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map(shortened);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shortened(item)]));
}
