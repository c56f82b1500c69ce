/**
 * The keeper of the mesh's own log server. Owns: one connection as the identity that may make streams, for as long as the
 * supervisor lives, so that a stream that is gone is made again whenever a service asks. Does not own: what is made
 * (bus/topology.ts), or the question (bus/keeper.ts).
 */
import { answerAsKeeper } from '../../bus/keeper.ts';
import type { Bus } from '../../bus/port.ts';
import { BusError } from '../../bus/port.ts';
import { natsAccess } from '../../config/nats-access.ts';
import type { Settings } from '../../config/settings.ts';

/** The services wait for it. */
const RETRY_MS = 25;

/** Connects as soon as the server takes connections. Returns the function that ends it. */
export function startKeeper(settings: Settings): () => Promise<void> {
  const ended = new AbortController();
  const opened = openKeeper(settings, ended.signal);
  return async () => {
    ended.abort();
    const keeper = await opened;
    keeper?.end();
    await keeper?.bus.close();
  };
}

async function openKeeper(settings: Settings, signal: AbortSignal): Promise<{ bus: Bus; end: () => void } | null> {
  const { connectBus } = await import('../../bus/nats-bus.ts');
  const access = natsAccess(settings, 'keeper');
  while (!signal.aborted) {
    try {
      const bus = await connectBus({ ...access, identity: 'keeper', name: 'mesh-keeper' });
      return { bus, end: answerAsKeeper(bus) };
    } catch (error) {
      // A server that cannot be used ends the start of every service, each with the reason.
      if (!(error instanceof BusError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  return null;
}
