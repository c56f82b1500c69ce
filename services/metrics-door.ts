/**
 * Where Prometheus asks: one address for all services of the mesh. Owns: the HTTP answer. Does not own: asking the
 * processes (`telemetry/told-samples.ts`), or the numbers (`metric-samples.ts`).
 *
 * On loopback alone, and not for web pages that a browser there has open: numbers have no content, but nobody outside needs
 * to know them. Who scrapes from elsewhere does it through a proxy of their own, which names this machine as the host.
 */
import { once } from 'node:events';
import type { RuntimeLog } from '../actors/runtime/ports.ts';
import type { Bus } from '../bus/port.ts';
import { boundHalfSent, HALF_SENT } from '../guards/half-sent.ts';
import { createServer } from '../guards/lean-http.ts';
import { foreignPage, isStrangeName, type OwnOrigin } from '../guards/web-page.ts';
import { livingServices } from '../registry/registry.ts';
import { prometheusText, type ToldSamples } from '../telemetry/prometheus-text.ts';
import { askForSamples } from '../telemetry/told-samples.ts';

const OWN: OwnOrigin = { scheme: 'http', names: new Set(), publicOrigin: null };
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface MetricsDoor {
  readonly port: number;
  close(): Promise<void>;
}

/** @throws the system's error when the port cannot be had */
export async function openMetricsDoor(bus: Bus, port: number, log: RuntimeLog): Promise<MetricsDoor> {
  const server = createServer({ ...HALF_SENT }, (request, response) => {
    if (isStrangeName(request.headers, OWN.names) || foreignPage(request.headers, OWN) !== null) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('numbers are for this machine, by its own name\n');
      return;
    }
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n');
      return;
    }
    gather(bus).then(
      (told) => response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(prometheusText(told)),
      (error: unknown) => {
        log.debug({ error: String(error) }, 'metrics could not be gathered');
        response.writeHead(503, { 'content-type': 'text/plain' }).end('the log server does not answer\n');
      },
    );
  });
  boundHalfSent(server);
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the port for metrics has no number');
  return {
    port: address.port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function gather(bus: Bus): Promise<ToldSamples[]> {
  return askForSamples(bus, (await livingServices(bus)).length);
}
