/**
 * A gateway for the compatibility kit: the real doors over a real mesh, with the kit's messages read by their script.
 *
 *   node tests/a2a-kit/gateway.ts <url of NATS> <port of HTTP> <port of gRPC>
 */
import { connectBus } from '../../bus/nats-bus.ts';
import { a2aGrpc } from '../../gateway/a2a/grpc.ts';
import { a2aApp } from '../../gateway/a2a/http.ts';
import { newSigningKey } from '../../gateway/a2a/push/signature.ts';
import { openSdk } from '../../gateway/a2a/sdk.ts';
import { startA2a } from '../../gateway/a2a/service.ts';
import { Admission } from '../../gateway/core/admission.ts';
import { onlyLocal } from '../../gateway/core/callers.ts';
import { openMesh } from '../../gateway/core/mesh.ts';
import { startServer } from '../../gateway/grpc/server.ts';
import { startHttp } from '../../gateway/http/server.ts';
import { obsSwitch } from '../../telemetry/mode-bucket.ts';
import { scripted } from './script.ts';

const [url = '', httpText = '', grpcText = ''] = process.argv.slice(2);
const [httpPort, grpcPort] = [Number(httpText), Number(grpcText)];
const host = '127.0.0.1';
const say = (fields: object, text: string): void => console.error(text, JSON.stringify(fields));
const log = { debug: () => undefined, info: () => undefined, warn: say, error: say };
const names = ['answer', 'build', 'direct', 'review', 'tool', 'kit'];
const catalog = () =>
  Promise.resolve({ workflows: new Map(names.map((name) => [name, name])), messageRoles: new Set<string>() });

const bus = await connectBus({ url, name: 'a2a-kit' });
const knowledge = () => Promise.reject(new Error('the kit searches nothing'));
const mesh = await openMesh({ bus, knowledge, catalog, log, observation: obsSwitch(bus.kv('config')) });
const admission = new Admission({ callsPerSecond: 1000, callsAtOnce: 256 });
const rules = { callers: onlyLocal, admission, log, isOtherUser: () => Promise.resolve(false) };
const service = startA2a({
  ...{ mesh, bus, catalog, log, callers: onlyLocal, holder: () => `a2a-kit-${process.pid}` },
  card: {
    ...{ httpUrl: `http://${host}:${httpPort}`, grpcAddress: `${host}:${grpcPort}` },
    ...{ version: '0.1.0', authentication: 'none' as const },
  },
  // The kit fetches the card without a version, and wants no field of another one.
  cardOfBoth: false,
  // It listens for push notifications on loopback.
  pushAllowHosts: ['localhost', host],
  pushConfigsPerCaller: 100,
  signingKey: newSigningKey,
});
const context = { caller: onlyLocal.identify({}), signal: new AbortController().signal, deadlineMs: null };
const handler = scripted(service.handler, mesh, { ...context, traceparent: null });
const app = a2aApp(handler, { ...rules, cardOfBoth: false });
const a2a = a2aGrpc(() => Promise.resolve(openSdk(handler)), rules);
const grpc = await startServer(mesh, rules, { host, port: grpcPort, keepaliveMs: 30_000 }, [a2a]);
grpc.setServing(true);
await startHttp(
  { dapr: null, a2a: () => Promise.resolve((request, response) => app(request, response)), problem: () => null },
  { host, port: httpPort, knowsNobody: true, isOtherUser: null, publicUrl: null },
);
console.log('ready');
