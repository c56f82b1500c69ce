/**
 * The numbers of all processes of the mesh, asked of them now. Owns: asking, and how long is waited. Does not own: the
 * numbers (`services/metric-samples.ts`), or who wants them.
 */
import type { Bus } from '../bus/port.ts';
import { METRICS_SUBJECT } from '../schemas/events/telemetry.ts';
import type { ToldSamples } from './prometheus-text.ts';

/** A process that does not answer in time has no numbers this time; `up` of a scrape is about the door. */
const ASK_LIMIT_MS = 1000;

/** @param processes how many are at work, and will answer @throws BusError */
export async function askForSamples(bus: Bus, processes: number): Promise<ToldSamples[]> {
  const until = { answers: Math.max(1, processes), limitMs: ASK_LIMIT_MS };
  const told = await bus.askVolatile(METRICS_SUBJECT, '', until);
  return told.map((data) => JSON.parse(Buffer.from(data).toString()) as ToldSamples);
}
