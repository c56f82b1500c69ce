/**
 * One connection to a gateway. Owns: the bytes of a call, its metadata, deadline and cancelling. Does not own: calling
 * again, or what the calls mean.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { MeshCallError } from './errors.ts';

export interface ChannelOptions {
  /** `host:port`. */
  readonly address: string;
  readonly token?: string;
  /** Absent: no TLS. */
  readonly tls?: { readonly authority?: Buffer; readonly key?: Buffer; readonly certificate?: Buffer };
}

export interface CallOptions {
  /** Time for all attempts together, milliseconds. */
  readonly timeoutMs?: number;
  /** Attempts at a call that fails in passing; as many as the time allows when absent. */
  readonly attemptsMax?: number;
  readonly signal?: AbortSignal;
  /** W3C traceparent to go on with. */
  readonly traceparent?: string;
}

export interface Answer<M> {
  readonly message: M;
  /** Initial and trailing metadata of the response, as text. */
  readonly metadata: ReadonlyMap<string, string>;
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & { readonly input: I; readonly output: O };

/** Answers may hold a whole task with its result. */
const RECEIVE_MAX_BYTES = 8 * 1024 * 1024;

export class Channel {
  readonly #client: Client;
  readonly #token: string | undefined;

  constructor({ address, token, tls }: ChannelOptions) {
    const security =
      tls === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(tls.authority ?? null, tls.key ?? null, tls.certificate ?? null);
    this.#token = token;
    this.#client = new Client(address, security, {
      'grpc.max_receive_message_length': RECEIVE_MAX_BYTES,
      // A gateway that is started again is back in a second: looking for it seldom would be felt.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.min_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_channelz': 0,
    });
  }

  /** One attempt. @throws MeshCallError, or the signal's reason */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    deadlineMs: number,
    options: CallOptions,
  ): Promise<Answer<MessageShape<O>>> {
    // Before anything is sent: what cannot be written is the caller's mistake, and no failure that may pass.
    const bytes = encoded(method, request);
    return new Promise((resolve, reject) => {
      const metadata = new Map<string, string>();
      const gather = (received: Metadata): void => {
        for (const [name, value] of Object.entries(received.getMap())) metadata.set(name, value.toString());
      };
      const onAnswer = (error: ServiceError | null, message?: MessageShape<O>): void => {
        options.signal?.removeEventListener('abort', leave);
        if (options.signal?.aborted) reject(options.signal.reason);
        else if (error !== null) reject(new MeshCallError(error, metadata.get('mesh-correlation-id') ?? null));
        // The trailers, and with them the end of `metadata`, come after the message in the same turn.
        else if (message !== undefined) setImmediate(() => resolve({ message, metadata }));
      };
      const call = this.#client.makeUnaryRequest(
        pathOf(method),
        (message: Buffer) => message,
        (answer: Buffer) => fromBinary(method.output, answer),
        bytes,
        this.#metadata(options),
        { deadline: deadlineMs },
        onAnswer,
      );
      const leave = (): void => call.cancel();
      call.on('metadata', gather);
      call.on('status', ({ metadata: trailers }) => gather(trailers));
      options.signal?.addEventListener('abort', leave, { once: true });
      if (options.signal?.aborted) leave();
    });
  }

  /** One stream. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
  ): ClientReadableStream<MessageShape<O>> {
    return this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: Buffer) => message,
      (answer: Buffer) => fromBinary(method.output, answer),
      encoded(method, request),
      this.#metadata(options),
    );
  }

  close(): void {
    this.#client.close();
  }

  #metadata({ traceparent }: CallOptions): Metadata {
    const metadata = new Metadata();
    if (this.#token !== undefined) metadata.set('authorization', `Bearer ${this.#token}`);
    if (traceparent !== undefined) metadata.set('traceparent', traceparent);
    return metadata;
  }
}

/** @throws Error that names the field whose value it cannot have */
function encoded<I extends DescMessage>(method: { readonly input: I }, request: MessageInitShape<I>): Buffer {
  return Buffer.from(toBinary(method.input, create(method.input, request)));
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}
