/**
 * What `mesh doctor` says of the way to a collector. Owns: trying it as the processes send, with nothing in it. Does not own:
 * sending (`telemetry/otlp.ts`), or what was lost (`telemetry-losses.ts`).
 */
import { type Settings, shownUrl } from '../config/settings.ts';
import { livingServices } from '../registry/registry.ts';
import type { ToldSamples } from '../telemetry/prometheus-text.ts';
import { askForSamples } from '../telemetry/told-samples.ts';
import type { Check } from './doctor-checks.ts';
import { toFailure } from './errors.ts';
import { withBus } from './mesh-client.ts';
import { liveness, readRunState } from './supervisor/run-state.ts';
import { lossesIn, lossText } from './telemetry-losses.ts';

const name = 'telemetry';
const KEPT = 'Spans are kept for `mesh trace` all the same';

export async function telemetryCheck(settings: Settings): Promise<Check> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  const lost = lossText(lossesIn(await toldBy(settings)));
  if (endpoint === undefined)
    return lost === null
      ? { name, status: 'ok', text: 'no collector is named; spans are kept for `mesh trace`' }
      : { name, status: 'warn', text: lost };
  const where = shownUrl(endpoint);
  const refusal = await refusalOf(endpoint);
  if (refusal !== null)
    return { name, status: 'warn', text: `the collector at ${where} takes nothing: ${refusal}. ${KEPT}` };
  if (lost !== null) return { name, status: 'warn', text: `the collector at ${where} answers; ${lost}` };
  return { name, status: 'ok', text: `the collector at ${where} answers` };
}

/** Why it took nothing, with the headers and certificates that the processes have; null when it did. */
async function refusalOf(endpoint: string): Promise<string | null> {
  const { openCollector } = await import('../telemetry/otlp.ts');
  const collector = openCollector(endpoint, { service: 'mesh-doctor', instance: '', version: '' });
  try {
    const answer = await collector.spans.send([]);
    return answer.kind === 'taken' ? null : answer.reason;
  } finally {
    await collector.close();
  }
}

/** Nothing when the mesh is down: that is another check's matter. */
async function toldBy(settings: Settings): Promise<ToldSamples[]> {
  if (settings.NATS_URL === undefined && liveness(readRunState(settings)).kind !== 'up') return [];
  try {
    return await withBus(settings, async (bus) => askForSamples(bus, (await livingServices(bus)).length));
  } catch (error) {
    if (!toFailure(error).expected) throw error;
    return [];
  }
}
