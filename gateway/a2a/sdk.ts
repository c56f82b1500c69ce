/**
 * The SDK's service of gRPC, by the names of its methods. Owns: finding a method, its messages, and the admitted call of
 * each. Does not own: what a method does (`handler.ts`).
 */
import { A2AService, grpcService } from '@a2a-js/sdk/server/grpc';
import type { MethodDefinition, sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CallContext } from '../../task-client/ports.ts';
import { A2aCall, type Outlet } from './call.ts';
import type { A2aHandler } from './handler.ts';

interface GrpcCall extends Outlet {
  request: unknown;
}

export interface A2aSdk {
  decode(method: string, bytes: unknown): unknown;
  encode(method: string, value: unknown): Buffer;
  /** To be called before `handle`. */
  admit(call: GrpcCall, context: CallContext): void;
  handle(method: string, call: GrpcCall, answer: sendUnaryData<unknown>): void;
}

export function openSdk(handler: A2aHandler): A2aSdk {
  const calls = new WeakMap<object, A2aCall>();
  const service = grpcService({
    requestHandler: handler,
    userBuilder: async (call) => {
      const admitted = calls.get(call);
      if (admitted === undefined) throw new Error('a call came in past its admission');
      return admitted;
    },
  }) as unknown as UntypedServiceImplementation;
  const definitions = A2AService as unknown as Record<string, MethodDefinition<unknown, unknown>>;
  const methodOf = (name: string): MethodDefinition<unknown, unknown> => {
    const method = definitions[name];
    if (method === undefined) throw new Error(`the SDK has no method ${name}`);
    return method;
  };
  return {
    decode: (method, bytes) => methodOf(method).requestDeserialize(bytes as Buffer),
    encode: (method, value) => methodOf(method).responseSerialize(value),
    admit: (call, context) => {
      calls.set(call, new A2aCall('grpc', context, call));
    },
    handle: (method, call, answer) => {
      const serve = service[method] as ((call: GrpcCall, answer: sendUnaryData<unknown>) => void) | undefined;
      if (serve === undefined) throw new Error(`the SDK does not serve ${method}`);
      serve.call(service, call, answer);
    },
  };
}
