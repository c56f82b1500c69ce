/**
 * One connection to NATS. Owns: reading the address, connecting, the up/down state and cutting requests short when the
 * connection goes. Does not own: what travels over it.
 *
 * Invariants:
 * 1. Once connected it reconnects for ever; only `close` or a fatal error of the client ends it.
 * 2. A request under way when the connection goes down is rejected as `unavailable` at once, not at its timeout.
 */
import type { Authenticator, ConnectionOptions, NatsConnection, ReconnectToServerHandler } from 'nats';
import { connect, createInbox, credsAuthenticator, errors } from 'nats';
import { toBusError } from './errors.ts';
import { answerPrefix, type Identity, inboxPrefix } from './identities.ts';
import { natsKey } from './nkeys.ts';
import { BusError } from './port.ts';

/** A first connection to a server that is there takes milliseconds; whoever starts the mesh waits no longer than this. */
const CONNECT_TIMEOUT_MS = 5000;
/** Between two attempts: short, because every waiting task waits with it; the jitter spreads a crowd of clients. */
const RECONNECT_DELAY_MS = 100;
const RECONNECT_JITTER_MS = 100;
/** A server that vanished without closing its sockets is noticed after two unanswered pings. */
const PING_INTERVAL_MS = 10_000;

/** As whom to connect, and how the line is kept from others. */
export interface Credentials {
  /** Whose prefix the inboxes have: a server that knows the identities of the mesh lets each read its own alone. */
  readonly identity?: Identity;
  /** Seed of an nkey. */
  readonly seed?: string;
  /** Text of a `.creds` file: a JWT and the seed that goes with it. */
  readonly creds?: string;
  /** PEM texts: the authority that the server's certificate is of, and a certificate of one's own. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface ConnectionListener {
  onUp?(): void;
  onDown?(): void;
  /** The connection has ended for good. */
  onEnded?(error: BusError): void;
}

interface Address {
  readonly servers: string[];
  readonly inUrl: Pick<ConnectionOptions, 'user' | 'pass' | 'token'>;
  readonly tls: boolean;
  /** For messages: no password in it. */
  readonly shown: string;
}

/** Reads `nats://[user:password@|token@]host:port`, several separated by commas. */
function parseAddress(text: string): Address {
  const urls = text.split(',').map((part) => {
    const trimmed = part.trim();
    const full = trimmed.includes('://') ? trimmed : `nats://${trimmed}`;
    // Its text may hold a password.
    if (!URL.canParse(full))
      throw new BusError('unreachable', 'not an address of a NATS server: nats://host:port is one');
    return new URL(full);
  });
  const named = urls.find((url) => url.username !== '');
  const user = named === undefined ? '' : decodeURIComponent(named.username);
  const password = named === undefined ? '' : decodeURIComponent(named.password);
  const inUrl = user === '' ? {} : password === '' ? { token: user } : { user, pass: password };
  return {
    servers: urls.map((url) => (url.port === '' ? `${url.hostname}:4222` : `${url.hostname}:${url.port}`)),
    inUrl,
    tls: urls.some((url) => url.protocol === 'tls:'),
    shown: urls.map((url) => `${url.protocol}//${url.host}`).join(','),
  };
}

const encoder = new TextEncoder();

/** @throws BusError for a seed or creds that are none */
function authentication({ inUrl }: Address, { seed, creds }: Credentials): Partial<ConnectionOptions> {
  try {
    if (creds !== undefined) return { authenticator: checked(credsAuthenticator(encoder.encode(creds))) };
    if (seed !== undefined) return { authenticator: byKey(seed) };
  } catch {
    // What the client says of it may quote it.
    throw new BusError('refused', `the ${creds === undefined ? 'nkey seed' : 'credentials'} for NATS cannot be read`);
  }
  return inUrl;
}

function byKey(seed: string): Authenticator {
  const key = natsKey(seed);
  return (challenge = '') => ({ nkey: key.publicKey, sig: key.sign(challenge) });
}

/** The client would try a key that is none again and again. */
function checked(authenticator: Authenticator): Authenticator {
  authenticator('tried');
  return authenticator;
}

function connectFailure(thrown: unknown, shown: string): BusError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof errors.AuthorizationError) {
    return new BusError('refused', `the NATS server at ${shown} refuses these credentials, or wants some: ${reason}`, {
      cause: thrown,
    });
  }
  if (codesOf(thrown).some((code) => OF_CERTIFICATES.test(code))) {
    const [why = reason] = reason.split(';');
    const advice = 'NATS_CA names the authority that it is of, and the address has to be one of its names';
    return new BusError(
      'refused',
      `the certificate of the NATS server at ${shown} is not trusted: ${why} (${advice})`,
      {
        cause: thrown,
      },
    );
  }
  return new BusError('unreachable', `no NATS server answers at ${shown}: ${reason}`, { cause: thrown });
}

/** Codes by which Node says that it does not trust a certificate. */
const OF_CERTIFICATES = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/;

/** Of an error, and of what it came from. */
function codesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return [];
  const own = 'code' in thrown && typeof thrown.code === 'string' ? [thrown.code] : [];
  return [...own, ...codesOf(thrown.cause)];
}

/** A pause between two tries, by the steady clock. */
function paced(): ReconnectToServerHandler {
  let triedAtMs = Number.NEGATIVE_INFINITY;
  return ([server]) => {
    if (server === undefined) return null;
    const nowMs = performance.now();
    const pauseMs = RECONNECT_DELAY_MS + Math.random() * RECONNECT_JITTER_MS;
    const delay = Math.max(0, triedAtMs + pauseMs - nowMs);
    triedAtMs = nowMs + delay;
    return { server, delay };
  };
}

export class Connection {
  readonly nc: NatsConnection;
  /** As the server lists it. */
  readonly name: string;
  readonly shownAddress: string;
  readonly #identity: Identity;
  #serverVersion: string;
  #maxPayloadBytes: number;
  #up = true;
  #closing = false;
  readonly #listeners = new Set<ConnectionListener>();
  readonly #underWay = new Set<(error: BusError) => void>();

  static async open(url: string, name: string, credentials: Credentials = {}): Promise<Connection> {
    const address = parseAddress(url);
    const authenticated = authentication(address, credentials);
    const { tls = address.tls ? {} : undefined, identity = 'owner' } = credentials;
    try {
      const nc = await connect({
        servers: address.servers,
        ...authenticated,
        ...(tls === undefined ? {} : { tls }),
        name,
        inboxPrefix: inboxPrefix(identity),
        timeout: CONNECT_TIMEOUT_MS,
        maxReconnectAttempts: -1,
        // The client asks the wall clock whether it is time: set back, it would wait for as long as the clock went back.
        reconnectDelayHandler: () => Number.NEGATIVE_INFINITY,
        reconnectToServer: paced(),
        pingInterval: PING_INTERVAL_MS,
        ignoreAuthErrorAbort: true,
        noAsyncTraces: true,
      });
      return new Connection(nc, name, address.shown, identity);
    } catch (thrown) {
      throw connectFailure(thrown, address.shown);
    }
  }

  private constructor(nc: NatsConnection, name: string, shownAddress: string, identity: Identity) {
    this.nc = nc;
    this.#identity = identity;
    this.name = name;
    this.shownAddress = shownAddress;
    this.#serverVersion = nc.info?.version ?? '';
    this.#maxPayloadBytes = nc.info?.max_payload ?? 0;
    void this.#followStatus();
    void nc.closed().then((error) => this.#ended(error));
  }

  /** A new subject on which answers of the server come. */
  inbox(): string {
    return createInbox(inboxPrefix(this.#identity));
  }

  /** A new subject on which answers of other processes come. */
  answerInbox(): string {
    return createInbox(answerPrefix(this.#identity));
  }

  get up(): boolean {
    return this.#up;
  }

  get closing(): boolean {
    return this.#closing;
  }

  get serverVersion(): string {
    return this.#serverVersion;
  }

  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes;
  }

  listen(listener: ConnectionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Why nothing can be sent now, or null when it can. */
  obstacle(what: string): BusError | null {
    if (this.#closing) return new BusError('closed', `${what}: the connection is closed`);
    if (!this.#up) return new BusError('unavailable', `${what}: not connected to ${this.shownAddress}`);
    return null;
  }

  /** Runs one request; rejects with a BusError, at once when the connection goes down meanwhile. */
  guard<T>(what: string, request: () => Promise<T>): Promise<T> {
    const obstacle = this.obstacle(what);
    if (obstacle !== null) return Promise.reject(obstacle);
    return new Promise<T>((resolve, reject) => {
      this.#underWay.add(reject);
      // An exception of the request itself is an outcome as well.
      (async () => request())()
        .then(resolve, (thrown: unknown) => reject(toBusError(thrown, what)))
        .finally(() => this.#underWay.delete(reject));
    });
  }

  /** Nothing may be sent any more; what is under way goes on. */
  markClosing(): void {
    this.#closing = true;
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') this.#wentDown();
      else if (status.type === 'reconnect') this.#cameUp();
    }
  }

  #wentDown(): void {
    if (!this.#up) return;
    this.#up = false;
    this.#rejectUnderWay(new BusError('unavailable', `the connection to ${this.shownAddress} was lost`));
    for (const listener of [...this.#listeners]) listener.onDown?.();
  }

  #cameUp(): void {
    if (this.#up || this.nc.isClosed()) return;
    this.#up = true;
    this.#serverVersion = this.nc.info?.version ?? this.#serverVersion;
    this.#maxPayloadBytes = this.nc.info?.max_payload ?? this.#maxPayloadBytes;
    for (const listener of [...this.#listeners]) listener.onUp?.();
  }

  #ended(error: unknown): void {
    this.#wentDown();
    this.#closing = true;
    const reason = toBusError(
      error ?? new errors.ClosedConnectionError(),
      `the connection to ${this.shownAddress} ended`,
    );
    for (const listener of [...this.#listeners]) listener.onEnded?.(reason);
  }

  #rejectUnderWay(error: BusError): void {
    const rejects = [...this.#underWay];
    this.#underWay.clear();
    for (const reject of rejects) reject(error);
  }
}
