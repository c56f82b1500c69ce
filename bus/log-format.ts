/**
 * Which log this release reads. Owns: finding out who wrote a stream, and refusing what would be half-read. Does not own:
 * making streams (`topology.ts`), or the description that says it (`layout.ts`).
 *
 * Invariant: a stream with messages of another format is left exactly as it was.
 */
import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { LOG_FORMAT } from './layout.ts';
import { BusError } from './port.ts';

/** An operator may have written something around it. */
const DESCRIPTION = /\bAgent Mesh log, format (\d+)\b/;

/** The format a description names; null when it names none, as those of the first release. */
export function formatOf(description: string | undefined): number | null {
  const match = DESCRIPTION.exec(description ?? '');
  return match === null ? null : Number(match[1]);
}

/**
 * Throws `refused` when a stream is of another format: an older one that holds messages, or a newer one, whose hosts may
 * be running. Streams that name no format in this release are read from every release.
 */
export function assertReadable(owned: Pick<StreamConfig, 'name' | 'description'>, present: StreamInfo): void {
  if (formatOf(owned.description) === null) return;
  const { name } = owned;
  const format = formatOf(present.config.description);
  if (format === LOG_FORMAT) return;
  if (format !== null && format > LOG_FORMAT) {
    throw new BusError(
      'refused',
      `the stream ${name} is of a newer Agent Mesh (log format ${format}, this one reads ${LOG_FORMAT}): upgrade`,
    );
  }
  const { messages } = present.state;
  if (messages === 0) return;
  const written = format === null ? 'names no format' : `is of format ${format}`;
  throw new BusError(
    'refused',
    `the stream ${name} holds ${messages} messages of an earlier Agent Mesh (its log ${written}, this one reads format ` +
      `${LOG_FORMAT}): stop the mesh and delete the stream ${name}, or, when the server is the mesh's own, move nats/ and ` +
      'ledger/ under MESH_HOME away',
  );
}
