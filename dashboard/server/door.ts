/**
 * The one door between the pages' server routes and the mesh. Owns: which questions there are, and their answers as web
 * responses. Does not own: HTTP itself, who may ask (`http.ts`), or any answer.
 *
 * The routes of the pages (`src/routes`) hand over to it and nothing else; it comes to them with each request.
 */
import { type Bus, BusError } from '../../bus/port.ts';
import { MeshCallError } from '../../gateway/client/index.ts';
import { KnowledgeError } from '../../knowledge/port.ts';
import { factsIn } from '../../schemas/events/fact.ts';
import { readCorrelationId } from '../../schemas/events/subjects.ts';
import type { Observation, Surroundings } from '../wire.ts';
import { type CommandPorts, runCommand } from './commands.ts';
import type { Hub } from './hub.ts';
import { followQuarantine, listQuarantine, quarantinedBody } from './quarantine-view.ts';
import type { Rooms } from './rooms.ts';
import type { ServicesView } from './services-view.ts';
import { readStory } from './story.ts';
import { TabStream, type Topic } from './tab-stream.ts';
import { followTask } from './tab-task.ts';
import { readTrace } from './trace.ts';

/** Tabs at once; a person has a few. */
const TABS_MAX = 64;
const QUERY_MAX = 4000;
const SEARCH_LIMIT = 12;

/** Mode and window as this process knows them. */
export interface ObservationView {
  now(): Observation;
  /** Calls back at every change. Returns the function that ends it. */
  listen(onChange: () => void): () => void;
}

export interface DoorPorts {
  readonly bus: Bus;
  readonly hub: Hub;
  readonly services: ServicesView;
  readonly rooms: Rooms;
  readonly observation: ObservationView;
  readonly commands: CommandPorts;
  readonly version: string;
  readonly price: Surroundings['price'];
  readonly chaos: () => boolean;
}

export class Door {
  readonly #ports: DoorPorts;
  readonly #tabs = new Set<TabStream>();
  readonly #endQuarantine: () => void;
  readonly #endObservation: () => void;
  #quarantined = 0;

  constructor(ports: DoorPorts) {
    this.#ports = ports;
    ports.services.onChange = (rows) => this.#tellAll('services', rows);
    this.#endObservation = ports.observation.listen(() => this.#tellAll('observation', ports.observation.now()));
    this.#endQuarantine = followQuarantine(ports.bus, (count) => {
      if (count === this.#quarantined) return;
      this.#quarantined = count;
      this.#tellAll('quarantine', { count });
    });
  }

  /** The event stream of a tab. */
  events(request: Request): Response {
    if (this.#tabs.size >= TABS_MAX) return problem(503, 'too many tabs are open; close some');
    const { searchParams } = new URL(request.url);
    const after = sequence(request.headers.get('last-event-id')) ?? sequence(searchParams.get('after')) ?? 0;
    const task = searchParams.get('task');
    const id = task === null ? null : readCorrelationId(task);
    const { bus, hub, services, observation } = this.#ports;
    const tab = new TabStream(hub, { log: searchParams.get('log') ?? '', after, task: id });
    this.#tabs.add(tab);
    const stream = tab.open();
    tab.tell('services', services.rows());
    tab.tell('quarantine', { count: this.#quarantined });
    tab.tell('observation', observation.now());
    const endTask = id === null ? null : followTask(bus, tab, id, sequence(searchParams.get('facts')) ?? 0);
    tab.onEnd = () => {
      this.#tabs.delete(tab);
      endTask?.();
    };
    request.signal.addEventListener('abort', () => tab.end(), { once: true });
    return new Response(stream, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } });
  }

  /** Everything that is asked once. */
  async api(request: Request, path: string): Promise<Response> {
    try {
      const found = request.method === 'POST' ? await this.#post(request, path) : await this.#get(request, path);
      return found ?? problem(404, 'there is nothing by this name');
    } catch (error) {
      if (error instanceof BusError) return problem(503, `the log is out of reach: ${error.message}`);
      if (error instanceof MeshCallError) return problem(502, `the gateway says: ${error.message}`);
      if (error instanceof KnowledgeError) return problem(502, error.message);
      throw error;
    }
  }

  stop(): void {
    this.#endQuarantine();
    this.#endObservation();
    for (const tab of [...this.#tabs]) tab.close();
    this.#ports.services.stop();
  }

  #tellAll(topic: Topic, value: unknown): void {
    for (const tab of this.#tabs) tab.tell(topic, value);
  }

  async #get(request: Request, path: string): Promise<Response | null> {
    const { bus, hub, services, rooms } = this.#ports;
    const { searchParams } = new URL(request.url);
    const [what = '', said = ''] = path.split('/');
    const id = readCorrelationId(said);
    switch (what) {
      case 'board':
        return Response.json(hub.board.snapshot(hub.identity));
      case 'task': {
        const story = id !== null ? await readStory(bus, hub.identity, id) : null;
        return story === null ? problem(404, 'the log has no such task') : Response.json(story);
      }
      case 'trace':
        return id !== null ? Response.json(await readTrace(bus, id, sequence(searchParams.get('after')) ?? 0)) : null;
      case 'fact':
        return this.#fact(Number(searchParams.get('seq')), Number(searchParams.get('index')));
      case 'surroundings':
        return Response.json(await this.#surroundings());
      case 'owners':
        return Response.json(await services.owners());
      case 'quarantine': {
        if (said === '') return Response.json(await listQuarantine(bus));
        const number = sequence(said) ?? 0;
        const one = number === 0 ? null : await quarantinedBody(bus, number);
        return one === null ? null : Response.json(one);
      }
      case 'explain': {
        const query = (searchParams.get('q') ?? '').trim().slice(0, QUERY_MAX);
        return query === '' ? problem(400, 'write a query') : Response.json(await rooms.explain(query));
      }
      case 'evaluation':
        return Response.json(await rooms.evaluate());
      case 'knowledge':
        return Response.json(await rooms.knowledge());
      case 'search': {
        const query = (searchParams.get('q') ?? '').trim().slice(0, QUERY_MAX);
        return query === ''
          ? problem(400, 'write what to look for')
          : Response.json(await rooms.search(query, SEARCH_LIMIT));
      }
      default:
        return null;
    }
  }

  async #post(request: Request, path: string): Promise<Response | null> {
    if (path !== 'command') return null;
    const outcome = await runCommand(this.#ports.commands, await request.json().catch(() => null));
    return Response.json(outcome, { status: outcome.ok ? 200 : 409 });
  }

  async #fact(seq: number, index: number): Promise<Response | null> {
    if (!Number.isSafeInteger(seq) || seq < 1) return null;
    const message = await this.#ports.bus.get(seq);
    const fact = message === null ? undefined : factsIn(message).find((one) => one.index === index);
    return fact === undefined ? problem(404, 'the log has dropped this event') : Response.json(fact.event);
  }

  async #surroundings(): Promise<Surroundings> {
    const { version, chaos, price, rooms } = this.#ports;
    return { version, price, chaos: chaos(), workflows: await rooms.workflows() };
  }
}

function sequence(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function problem(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
