/**
 * What the roles of a service reach. Owns: which adapter is behind each port, and that a process loads only those that
 * its own roles use. Does not own: the adapters, or the list of ports (actors/roles/ports.ts).
 */
import { skillsOf } from '../actors/roles/index.ts';
import type { RolePorts } from '../actors/roles/ports.ts';
import type { Workflow } from '../actors/workflows/index.ts';
import type { Bus } from '../bus/port.ts';
import { tokenSubject } from '../schemas/events/subjects.ts';
import type { OwnMesh } from '../sdk/load-mesh.ts';
import type { Part } from './adapters/part.ts';
import type { ServiceContext } from './service-life.ts';

export interface OpenedPorts {
  readonly ports: RolePorts;
  /** What is behind them, in the order in which it is closed. */
  readonly parts: readonly Part<unknown>[];
}

type Own = Pick<RolePorts, 'router' | 'workflows' | 'readWorkflow' | 'knowledge' | 'tools'>;

export async function openPorts(context: ServiceContext, bus: Bus): Promise<OpenedPorts> {
  const [{ llmPart }, { allRoles, ownMesh }] = await Promise.all([
    import('./adapters/llm.ts'),
    import('./adapters/own-mesh.ts'),
  ]);
  const mesh = await ownMesh();
  const llm = llmPart(context.settings, context.log, mesh.prompts);
  const { own, parts } = await ownOf(context, bus, llm, mesh);
  const skills = skillsOf(await allRoles());
  const showText: RolePorts['showText'] = (correlationId, generation) => {
    let number = 0;
    return (text) => {
      number += 1;
      bus.publishVolatile(tokenSubject(correlationId), JSON.stringify({ ...generation, number, text }));
    };
  };
  const runsExamples = context.settings.CHECKS_RUN_EXAMPLES === 'on';
  return { ports: { ...own, llm: llm.port, skills, runsExamples, breakers: context.breakers, showText }, parts };
}

/** Every role may ask how the language model is set up; the engine itself is a part of one service. */
async function ownOf(
  context: ServiceContext,
  bus: Bus,
  llm: Part<RolePorts['llm']>,
  mesh: OwnMesh,
): Promise<{ own: Own; parts: readonly Part<unknown>[] }> {
  const { service, settings, log, breakers } = context;
  switch (service.name) {
    case 'agents':
      return agentsPorts(context, bus, llm.port.engine !== null);
    case 'llm':
      return { own: elsewhere, parts: [llm] };
    case 'tools': {
      const { toolsPart } = await import('./adapters/tools.ts');
      const tools = toolsPart(settings, { bus, log, breakers, own: mesh.tools });
      return { own: { ...elsewhere, tools: tools.port }, parts: [tools] };
    }
    default:
      throw new RangeError(`no ports are known of the service ${service.name}`);
  }
}

async function agentsPorts(
  { settings, log, breakers }: ServiceContext,
  bus: Bus,
  hasModel: boolean,
): Promise<{ own: Own; parts: readonly Part<unknown>[] }> {
  const [{ allRoles, allWorkflows }, { readCarried }, { limitsOf }, { stepMs }] = await Promise.all([
    import('./adapters/own-mesh.ts'),
    import('../actors/workflows/index.ts'),
    import('../actors/workflows/limits.ts'),
    import('../actors/roles/llm/budget.ts'),
  ]);
  const [{ routerPart }, { knowledgePart }] = await Promise.all([
    import('./adapters/router.ts'),
    import('./adapters/knowledge.ts'),
  ]);
  const definitions = await allRoles();
  const limits = limitsOf(definitions, {
    modelStepMs: hasModel ? stepMs(settings.LLM_TIMEOUT_MS) : null,
    deadlineMs: settings.MESH_TASK_DEADLINE_MS,
  });
  const roles = new Set(definitions.map(({ name }) => name));
  const workflows = await allWorkflows(settings, definitions, limits);
  const readWorkflow = (carried: unknown): Workflow => readCarried(carried, roles, limits);
  const router = routerPart({ settings, workflows, definitions, bus, log, breakers });
  const knowledge = knowledgePart(settings, log, breakers);
  const own = { ...elsewhere, router: router.port, workflows, readWorkflow, knowledge: knowledge.port };
  return { own, parts: [router, knowledge] };
}

const refused = (port: string) => () => Promise.reject(new RangeError(`no role of this service has ${port}`));

/** For roles of other services: a role that reaches for one of these is hosted in the wrong place. */
const elsewhere: Own = {
  router: { decide: refused('the router') },
  workflows: new Map(),
  readWorkflow: () => {
    throw new RangeError('no role of this service has workflows');
  },
  knowledge: () => {
    throw new RangeError('no role of this service has the knowledge base');
  },
  tools: {
    choose: refused('tools'),
    offers: refused('tools'),
    check: refused('tools'),
    run: refused('tools'),
  },
};
