/**
 * A gRPC client that knows nothing of this project: it asks the server what it serves, as grpcurl does, and calls by
 * what it was told. Owns: the few messages of the reflection protocol, written by hand. Does not own: the calls.
 */
import {
  create,
  createFileRegistry,
  type DescMethod,
  type DescService,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

const REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
/** Fields of ServerReflectionRequest and ServerReflectionResponse (grpc/reflection/v1/reflection.proto). */
const [BY_NAME, BY_SYMBOL, LIST_SERVICES, FILES, SERVICES, ERROR] = [3, 4, 7, 4, 6, 7] as const;
const identity = (bytes: Buffer): Buffer => bytes;

export interface Told {
  readonly messages: readonly JsonObject[];
  readonly initial: Metadata;
  readonly trailers: Metadata;
  readonly error: ServiceError | null;
}

export class ReflectedClient {
  readonly #client: Client;
  #files: FileRegistry = createFileRegistry();

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
  }

  async services(): Promise<string[]> {
    const answer = await this.#ask(LIST_SERVICES, '*');
    return bytesOf(answer, SERVICES)
      .flatMap((list) => bytesOf(list, 1))
      .flatMap((service) => bytesOf(service, 1))
      .map((name) => Buffer.from(name).toString('utf8'));
  }

  /** Names of the files that tell of a symbol. */
  async files(symbol: string): Promise<string[]> {
    const answer = await this.#ask(BY_SYMBOL, symbol);
    return bytesOf(answer, FILES)
      .flatMap((list) => bytesOf(list, 1))
      .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
  }

  /** Learns a service and every file that it needs: what an answer imports and does not bring is asked for by name. */
  async learn(symbol: string): Promise<DescService> {
    const files = new Map<string, FileDescriptorProto>();
    const keep = (answer: Buffer): void => {
      if (bytesOf(answer, ERROR).length > 0) throw new Error(`the server does not tell of ${symbol}`);
      for (const bytes of bytesOf(answer, FILES).flatMap((list) => bytesOf(list, 1))) {
        const file = fromBinary(FileDescriptorProtoSchema, bytes);
        files.set(file.name, file);
      }
    };
    keep(await this.#ask(BY_SYMBOL, symbol));
    for (;;) {
      const missing = [...files.values()].flatMap(({ dependency }) => dependency).find((name) => !files.has(name));
      if (missing === undefined) break;
      keep(await this.#ask(BY_NAME, missing));
    }
    this.#files = createFileRegistry(create(FileDescriptorSetSchema, { file: sorted(files) }));
    const service = this.#files.getService(symbol);
    if (service === undefined) throw new Error(`the server told nothing of ${symbol}`);
    return service;
  }

  call(method: DescMethod, request: JsonValue, metadata: Metadata = new Metadata(), timeoutMs = 60_000): Promise<Told> {
    const bytes = Buffer.from(toBinary(method.input, fromJson(method.input, request)));
    return this.raw(method, bytes, metadata, timeoutMs);
  }

  /** Reads a stream until a message fits, and gives it up then. @throws when it ends, or the time does, without one */
  until(
    method: DescMethod,
    request: JsonValue,
    fits: (message: JsonValue) => boolean,
    timeoutMs: number,
  ): Promise<void> {
    const bytes = Buffer.from(toBinary(method.input, fromJson(method.input, request)));
    const path = `/${method.parent.typeName}/${method.name}`;
    const options = { deadline: Date.now() + timeoutMs };
    const stream = this.#client.makeServerStreamRequest(path, identity, identity, bytes, new Metadata(), options);
    return new Promise((resolve, reject) => {
      stream.on('data', (data: Buffer) => {
        if (!fits(toJson(method.output, fromBinary(method.output, data)))) return;
        resolve();
        stream.cancel();
      });
      stream.on('error', reject);
      stream.on('end', () => reject(new Error(`${path} ended, and no message fitted`)));
    });
  }

  /** Any bytes as the request. */
  raw(method: DescMethod, bytes: Buffer, metadata: Metadata = new Metadata(), timeoutMs = 60_000): Promise<Told> {
    return new Promise((resolve) => {
      const messages: JsonObject[] = [];
      let initial = new Metadata();
      let error: ServiceError | null = null;
      const path = `/${method.parent.typeName}/${method.name}`;
      const options = { deadline: Date.now() + timeoutMs };
      const stream = this.#client.makeServerStreamRequest(path, identity, identity, bytes, metadata, options);
      stream.on('metadata', (received: Metadata) => {
        initial = received;
      });
      stream.on('data', (data: Buffer) => {
        const json = toJson(method.output, fromBinary(method.output, data));
        if (typeof json === 'object' && json !== null && !Array.isArray(json)) messages.push(json);
      });
      stream.on('error', (thrown: ServiceError) => {
        error = thrown;
      });
      stream.on('status', ({ metadata: trailers }: { metadata: Metadata }) =>
        setImmediate(() => resolve({ messages, initial, trailers, error })),
      );
    });
  }

  close(): void {
    this.#client.close();
  }

  #ask(field: number, text: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#client.makeBidiStreamRequest(REFLECT, identity, identity);
      stream.once('data', (answer: Buffer) => {
        resolve(answer);
        stream.end();
      });
      stream.on('error', reject);
      stream.write(Buffer.from(new BinaryWriter().tag(field, WireType.LengthDelimited).string(text).finish()));
    });
  }
}

/** Every value of a length-delimited field. */
function bytesOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return found;
}

/** Every file after those it imports. */
function sorted(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const done = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto): void => {
    for (const name of file.dependency) {
      const dependency = files.get(name);
      if (dependency !== undefined && !done.has(dependency)) add(dependency);
    }
    done.add(file);
  };
  for (const file of files.values()) add(file);
  return [...done];
}
