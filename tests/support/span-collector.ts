/**
 * A real OTLP receiver for tests: takes spans over HTTP as a collector does. Owns: reading and keeping them, and being
 * away on demand. Does not own: who sends.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { z } from 'zod';
import { Changes } from './changes.ts';

const value = z.union([
  z.object({ stringValue: z.string() }),
  z.object({ intValue: z.union([z.number(), z.string()]) }),
  z.object({ doubleValue: z.number() }),
  z.object({ boolValue: z.boolean() }),
]);
const attributes = z.array(z.object({ key: z.string(), value: z.looseObject({}) })).default([]);
const request = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              ...{ traceId: z.string(), spanId: z.string(), parentSpanId: z.string().default('') },
              ...{
                name: z.string(),
                attributes,
                links: z.array(z.object({ spanId: z.string(), attributes })).default([]),
                status: z.object({ code: z.number().default(0) }).default({ code: 0 }),
              },
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface ReceivedSpan {
  readonly name: string;
  /** `service.name` of the resource. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly failed: boolean;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly links: readonly { readonly spanId: string; readonly cause: unknown }[];
}

const STATUS_ERROR = 2;

export class SpanCollector {
  readonly spans: ReceivedSpan[] = [];
  /** Answers 503 to everything while true. */
  away = false;
  /** Answers 400 to everything while true: it will never take it. */
  refuses = false;
  /** Takes requests and never answers, while true. */
  silent = false;
  /** What it says instead of the truth. */
  answer: string | null = null;
  /** Bodies of all requests it took, of any signal. */
  readonly texts: string[] = [];
  /** Requests answered, refused ones too. */
  requests = 0;
  readonly #changes = new Changes();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((incoming, response) => {
      const pieces: Buffer[] = [];
      incoming.on('data', (piece: Buffer) => pieces.push(piece));
      incoming.on('end', () => {
        this.requests += 1;
        const text = Buffer.concat(pieces).toString('utf8');
        if (!this.away && !this.refuses) {
          this.texts.push(text);
          this.spans.push(...spansInRequest(text));
        }
        if (this.silent) return;
        if (this.refuses) {
          response.writeHead(400, { 'content-type': 'application/json' }).end('{}');
          this.#changes.tell();
          return;
        }
        if (this.answer !== null) {
          response.writeHead(200, { 'content-type': 'application/json' }).end(this.answer);
          this.#changes.tell();
          return;
        }
        response.writeHead(this.away ? 503 : 200, { 'content-type': 'application/json' }).end('{}');
        this.#changes.tell();
      });
    });
  }

  static async open(): Promise<SpanCollector> {
    const collector = new SpanCollector();
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the collector is closed');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Resolves with the first span that fits, one that came already or one to come. */
  span(fits: (span: ReceivedSpan) => boolean, limitMs: number, what: string): Promise<ReceivedSpan> {
    const names = (): string => [...new Set(this.spans.map(({ name }) => name))].join(' ') || 'nothing';
    return this.#changes.until(
      () => this.spans.find(fits),
      limitMs,
      () => `no span ${what}; received ${names()}`,
    );
  }

  /** Resolves with the first body that fits, of any signal. */
  text(fits: (text: string) => boolean, limitMs: number): Promise<string> {
    const told = (): string => `no such body among ${this.texts.length}`;
    return this.#changes.until(() => this.texts.find(fits), limitMs, told);
  }

  asked(times: number, limitMs: number): Promise<unknown> {
    const enough = () => (this.requests >= times ? true : undefined);
    return this.#changes.until(enough, limitMs, () => `asked ${this.requests} times, not ${times}`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The spans of one request of OTLP as JSON; none for one about something else. */
export function spansInRequest(text: string): ReceivedSpan[] {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('resourceSpans' in value)) return [];
  return request.parse(value).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(plain(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes: told, status, links, ...rest }) => ({
        ...{ ...rest, service, failed: status.code === STATUS_ERROR, attributes: plain(told) },
        links: links.map((link) => ({ spanId: link.spanId, cause: plain(link.attributes)['mesh.link.cause'] })),
      })),
    );
  });
}

function plain(told: z.infer<typeof attributes>): Record<string, string | number | boolean> {
  const record: Record<string, string | number | boolean> = {};
  for (const { key, value: wrapped } of told) {
    const parsed = value.safeParse(wrapped);
    if (!parsed.success) continue;
    const { data } = parsed;
    if ('stringValue' in data) record[key] = data.stringValue;
    else if ('intValue' in data) record[key] = Number(data.intValue);
    else if ('doubleValue' in data) record[key] = data.doubleValue;
    else record[key] = data.boolValue;
  }
  return record;
}
