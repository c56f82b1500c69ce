/**
 * The keeper as a process of its own, where no supervisor of `mesh up` runs: makes the streams and buckets, and makes them
 * again for whoever finds one gone. Owns: its start and end. Does not own: making them (`bus/topology.ts`), or the
 * question (`bus/keeper.ts`).
 */
import { answerAsKeeper } from '../bus/keeper.ts';
import type { StartService } from './service-life.ts';

export const startKeeper: StartService = async ({ connect }) => {
  const bus = await connect();
  let end = (): void => undefined;
  return {
    roles: [],
    parts: [],
    stats: () => null,
    begin() {
      end = answerAsKeeper(bus);
      return Promise.resolve({});
    },
    stop() {
      end();
      return Promise.resolve();
    },
  };
};
