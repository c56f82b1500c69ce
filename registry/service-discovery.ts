/**
 * NATS service discovery: what `nats micro ls|info|stats` asks. Owns: the subjects `$SRV.PING|INFO|STATS` and the form
 * of the answers (NATS ADR-32). Does not own: what a service tells of itself.
 *
 * Services of the mesh are not called by request and reply: their endpoints are inboxes in the log, and a request that
 * the statistics count is an effect that was run.
 */
import type { Bus } from '../bus/port.ts';

export interface DiscoveredEndpoint {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  readonly subject: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly requests: number;
  readonly errors: number;
  /** Empty when there was none. */
  readonly lastError: string;
  /** Milliseconds of all requests together. */
  readonly busyMs: number;
}

export interface DiscoveredService {
  /** Letters, digits, `-` and `_`. */
  readonly name: string;
  /** Of this process; the same after a restart. Letters, digits, `-` and `_`. */
  readonly id: string;
  /** Semantic version. */
  readonly version: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly endpoints: readonly DiscoveredEndpoint[];
}

const TYPE_PREFIX = 'io.nats.micro.v1.';
const NANOSECONDS_PER_MS = 1_000_000;
const forbidden = /[^a-zA-Z0-9_-]/g;

/** Answers for a service until the returned function is called. @param service asked at every question */
export function answerDiscovery(bus: Bus, service: () => DiscoveredService): () => void {
  const { name, id } = identity(service());
  const answers = {
    PING: () => pingOf(service()),
    INFO: () => infoOf(service()),
    STATS: () => statsOf(service()),
  };
  const ends = Object.entries(answers).flatMap(([verb, answer]) =>
    [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`].map((subject) =>
      bus.answerVolatile(subject, () => JSON.stringify(answer())),
    ),
  );
  return () => {
    for (const end of ends) end();
  };
}

/** Names and ids are tokens of a subject. */
function identity({ name, id, version, metadata }: DiscoveredService) {
  return { name: name.replaceAll(forbidden, '_'), id: id.replaceAll(forbidden, '_'), version, metadata };
}

function pingOf(service: DiscoveredService): object {
  return { type: `${TYPE_PREFIX}ping_response`, ...identity(service) };
}

function infoOf(service: DiscoveredService): object {
  const endpoints = service.endpoints.map(({ name, subject, metadata }) => ({
    ...{ name: name.replaceAll(forbidden, '_'), subject, queue_group: '', metadata },
  }));
  const { description } = service;
  return { type: `${TYPE_PREFIX}info_response`, ...identity(service), description, endpoints };
}

function statsOf(service: DiscoveredService): object {
  const endpoints = service.endpoints.map(({ name, subject, requests, errors, lastError, busyMs }) => ({
    ...{ name: name.replaceAll(forbidden, '_'), subject, queue_group: '' },
    num_requests: requests,
    num_errors: errors,
    last_error: lastError,
    processing_time: Math.round(busyMs * NANOSECONDS_PER_MS),
    average_processing_time: requests === 0 ? 0 : Math.round((busyMs * NANOSECONDS_PER_MS) / requests),
  }));
  return { type: `${TYPE_PREFIX}stats_response`, ...identity(service), started: service.startedAt, endpoints };
}
