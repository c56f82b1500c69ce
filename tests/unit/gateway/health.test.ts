/** The standard health service, asked by a gRPC client over a real port. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../gateway/gen/grpc/health/v1/health_pb.ts';
import { HealthService } from '../../../gateway/grpc/health.ts';

let server: Server;
let health: HealthService;
let client: Client;

beforeEach(async () => {
  server = new Server();
  health = new HealthService(['', 'mesh.v1.MeshService']);
  health.addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
});

afterEach(() => {
  client.close();
  server.forceShutdown();
});

const asked = (service: string): Buffer =>
  Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })));

function call(method: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/grpc.health.v1.Health/${method}`,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      request,
      (error: ServiceError | null, answer?: Buffer) =>
        error === null && answer !== undefined ? resolve(answer) : reject(error),
    );
  });
}

const check = async (service: string): Promise<ServingStatus> =>
  fromBinary(HealthCheckResponseSchema, await call('Check', asked(service))).status;

describe('health', () => {
  it('says of each service whether it serves, now', async () => {
    expect([await check(''), await check('mesh.v1.MeshService')]).toEqual([
      ServingStatus.SERVING,
      ServingStatus.SERVING,
    ]);
    health.setServing(false);
    expect(await check('mesh.v1.MeshService')).toBe(ServingStatus.NOT_SERVING);
  });

  it('does not know other services, and refuses what is no request', async () => {
    await expect(check('mesh.v1.Other')).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(call('Check', Buffer.from([0xff, 0xff]))).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('lists all of them', async () => {
    const request = Buffer.from(toBinary(HealthListRequestSchema, create(HealthListRequestSchema)));
    const { statuses } = fromBinary(HealthListResponseSchema, await call('List', request));
    expect(Object.keys(statuses).sort()).toEqual(['', 'mesh.v1.MeshService']);
  });

  it.each([
    ['', [ServingStatus.SERVING, ServingStatus.NOT_SERVING]],
    ['mesh.v1.Other', [ServingStatus.SERVICE_UNKNOWN]],
  ])('tells who watches %j what it is, and then what changes', async (service, expected) => {
    const told: ServingStatus[] = [];
    const stream = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => fromBinary(HealthCheckResponseSchema, bytes).status,
      asked(service),
    );
    // The end of the test cancels it.
    stream.on('error', () => undefined);
    await new Promise<void>((resolve) => {
      stream.on('data', (one: ServingStatus) => {
        told.push(one);
        if (told.length === 1) health.setServing(false);
        if (told.length === expected.length) resolve();
      });
    });
    expect(told).toEqual(expected);
    stream.cancel();
  });
});
