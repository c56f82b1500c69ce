/**
 * The A2A SDK's own client over each of the three bindings. Owns: clients, and requests with their defaults. Does not
 * own: the gateway (`gateway.ts`).
 */
import {
  type Artifact,
  type Message,
  Role,
  type SendMessageRequest,
  type StreamResponse,
  type Task,
  type TaskState,
} from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc';
import { newCorrelationId } from '../../schemas/events/ids.ts';

export const BINDINGS = ['JSONRPC', 'HTTP+JSON', 'GRPC'] as const;
export type BindingName = (typeof BINDINGS)[number];

/** @param token sent as `Authorization: Bearer` */
export function connect(http: string, binding: BindingName, token?: string): Promise<Client> {
  const options = ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
    transports: [new JsonRpcTransportFactory(), new RestTransportFactory(), new GrpcTransportFactory()],
    preferredTransports: [binding],
    ...(token === undefined
      ? {}
      : {
          clientConfig: {
            interceptors: [
              {
                before: ({ options: request }) => {
                  if (request !== undefined)
                    request.serviceParameters = { ...request.serviceParameters, Authorization: `Bearer ${token}` };
                  return Promise.resolve();
                },
                after: () => Promise.resolve(),
              },
            ],
          },
        }),
  });
  return new ClientFactory(options).createFromUrl(http);
}

export function message(text: string, more: Partial<Message> = {}): Message {
  return {
    messageId: newCorrelationId(),
    contextId: '',
    taskId: '',
    role: Role.ROLE_USER,
    parts: [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: 'text/plain' }],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  };
}

export function request(
  sent: Message | string,
  configuration: Partial<NonNullable<SendMessageRequest['configuration']>> = {},
): SendMessageRequest {
  return {
    tenant: '',
    message: typeof sent === 'string' ? message(sent) : sent,
    configuration: {
      acceptedOutputModes: [],
      taskPushNotificationConfig: undefined,
      returnImmediately: false,
      ...configuration,
    },
    metadata: undefined,
  };
}

/** The task that a message led to. */
export function asTask(result: Task | Message): Task {
  if ('messageId' in result) throw new Error('the mesh answers with tasks, not with messages');
  return result;
}

export function stateOf(event: StreamResponse): TaskState | undefined {
  const { payload } = event;
  if (payload?.$case === 'task' || payload?.$case === 'statusUpdate') return payload.value.status?.state;
  return undefined;
}

/** The text of the first part of an artifact. */
export function artifactText(task: Task, name: string): string {
  const part = task.artifacts.find((artifact) => artifact.name === name)?.parts[0];
  return part?.content?.$case === 'text' ? part.content.value : '';
}

/** Reads a stream to its end, or until an event is wanted. */
export async function readStream(
  stream: AsyncGenerator<StreamResponse, void, undefined>,
  isLast: (event: StreamResponse) => boolean = () => false,
): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) {
    events.push(event);
    if (isLast(event)) break;
  }
  return events;
}

/** Artifacts as a client has them that follows the rules: `append` adds parts, everything else replaces. */
export function collectArtifacts(events: readonly StreamResponse[]): Map<string, Artifact> {
  const found = new Map<string, Artifact>();
  for (const { payload } of events) {
    if (payload?.$case !== 'artifactUpdate' || payload.value.artifact === undefined) continue;
    const { artifact, append } = payload.value;
    const before = append ? (found.get(artifact.artifactId)?.parts ?? []) : [];
    found.set(artifact.artifactId, { ...artifact, parts: [...before, ...artifact.parts] });
  }
  return found;
}
