/**
 * A2A put together: one handler, its agent card and its push notifications. Owns: that. Does not own: the bindings that
 * use it (`http.ts`, `grpc.ts`).
 */
import type { Bus } from '../../bus/port.ts';
import type { WrittenInHour } from '../../task-client/index-store.ts';
import type { Catalog, ClientLog } from '../../task-client/ports.ts';
import type { Callers } from '../core/callers.ts';
import type { Mesh } from '../core/mesh.ts';
import { agentCard, type CardFacts } from './card.ts';
import { A2aHandler } from './handler.ts';
import { PushAddresses } from './push/address.ts';
import { PushConfigs } from './push/configs.ts';
import { PushRoom } from './push/room.ts';
import { PushSender } from './push/sender.ts';
import { publicKeyOf, type SigningKey } from './push/signature.ts';
import { PushStore } from './push/store.ts';

export interface A2aPorts {
  readonly mesh: Mesh;
  readonly bus: Bus;
  readonly catalog: () => Promise<Catalog>;
  readonly log: ClientLog;
  /** Who is told of a task must still be a caller. */
  readonly callers: Pick<Callers, 'isKnown'>;
  readonly card: Omit<CardFacts, 'workflows' | 'pushKey'>;
  /** Whoever says no version when fetching the card gets the fields of 0.3 as well. */
  readonly cardOfBoth: boolean;
  /** Hosts to which push notifications may go although their address is private. */
  readonly pushAllowHosts: readonly string[];
  /** Of one caller, for tasks that have not ended. */
  readonly pushConfigsPerCaller: number;
  /** By which push notifications are signed; read when the service is started. */
  readonly signingKey: () => SigningKey;
  /** Of this gateway in leases; read when the service is started. */
  readonly holder: () => string;
}

export interface A2aService {
  readonly handler: A2aHandler;
  /** What push notification configs a caller has stored since then, by the hour. */
  written(caller: string, sinceMs: number): Promise<readonly WrittenInHour[]>;
  stop(): Promise<void>;
}

export function startA2a(ports: A2aPorts): A2aService {
  const { mesh, bus, catalog, log, callers, card, pushAllowHosts, pushConfigsPerCaller, signingKey, holder } = ports;
  const addresses = new PushAddresses(pushAllowHosts);
  const store = new PushStore(bus);
  const key = signingKey();
  const sender = new PushSender({ mesh, store, addresses, key, log, callers, leases: bus.leases, holder: holder() });
  const room = new PushRoom(store, pushConfigsPerCaller);
  const push = new PushConfigs({ store, sender, addresses, room, spend: mesh.spend });
  const handler = new A2aHandler({
    ...{ mesh, push, log },
    card: async () => agentCard({ ...card, workflows: (await catalog()).workflows, pushKey: publicKeyOf(key) }),
  });
  void sender.start();
  return {
    handler,
    written: (caller, sinceMs) => room.written(caller, sinceMs),
    async stop() {
      await room.stop();
      await sender.stop();
    },
  };
}
