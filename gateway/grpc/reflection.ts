/**
 * Server reflection (grpc.reflection.v1 and v1alpha). Owns: offering it from the start, and loading the library that
 * answers at the first question: people ask, programs rarely do. Does not own: the answers, or the descriptors.
 */
import type { MethodDefinition, Server, ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js';

const VERSIONS = ['v1', 'v1alpha'] as const;
type Version = (typeof VERSIONS)[number];

const METHOD = 'ServerReflectionInfo';

/** The part of a stream that the library uses. */
interface Questions {
  on(event: 'data' | 'end', listener: (question?: unknown) => void): void;
  write(answer: unknown): void;
  end(): void;
}

/** What the library would give to a server: how bytes are read, and what answers. */
interface Answering {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly answer: (stream: Questions) => void;
}

type Call = ServerDuplexStream<Buffer, Buffer>;

const asIs = (bytes: Buffer): Buffer => bytes;

/** @param descriptors every file that describes the services, serialised; asked once, at the first question */
export function addReflection(
  server: Server,
  descriptors: () => readonly Buffer[],
  onProblem: (error: unknown) => void,
): void {
  let loading: Promise<ReadonlyMap<Version, Answering>> | null = null;
  for (const version of VERSIONS) {
    const definition: MethodDefinition<Buffer, Buffer> = {
      path: `/grpc.reflection.${version}.ServerReflection/${METHOD}`,
      ...{ requestStream: true, responseStream: true },
      ...{ requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs },
    };
    const serve = async (call: Call): Promise<void> => {
      loading ??= load(descriptors());
      const answering = (await loading).get(version);
      if (answering === undefined) throw new Error(`the library does not answer ${version}`);
      answering.answer(questionsOf(call, answering.definition));
    };
    server.addService(
      { [METHOD]: definition },
      {
        [METHOD]: (call: Call): void => {
          serve(call).catch((error: unknown) => {
            onProblem(error);
            call.emit('error', error);
          });
        },
      },
    );
  }
}

/** Nothing is read from a call before somebody listens, so that no question is lost while the library is loaded. */
function questionsOf(call: Call, definition: MethodDefinition<unknown, unknown>): Questions {
  return {
    on(event, listener) {
      if (event === 'end') call.on('end', () => listener());
      else call.on('data', (bytes: Buffer) => listener(definition.requestDeserialize(bytes)));
    },
    write: (answer) => {
      call.write(definition.responseSerialize(answer));
    },
    end: () => {
      call.end();
    },
  };
}

async function load(files: readonly Buffer[]): Promise<ReadonlyMap<Version, Answering>> {
  const { ReflectionService } = await import('@grpc/reflection');
  // The library takes services as proto-loader makes them, and reads nothing of them but the descriptors.
  const format = 'Protocol Buffer 3 EnumDescriptorProto' as const;
  const all = { format, type: {}, fileDescriptorProtos: [...files] };
  const found = new Map<Version, Answering>();
  const taker = {
    addService(definition: Record<string, MethodDefinition<unknown, unknown>>, handlers: UntypedServiceImplementation) {
      const method = definition[METHOD];
      const version = VERSIONS.find((one) => method?.path.includes(`.${one}.`));
      if (method === undefined || version === undefined) throw new Error('the library answers something else');
      const answer = handlers[METHOD] as unknown as Answering['answer'];
      found.set(version, { definition: method, answer });
    },
  };
  new ReflectionService({ all }).addToServer(taker);
  return found;
}
