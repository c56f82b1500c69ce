/**
 * Asks the router. Owns: pairing the decision with its workflow. Does not own: deciding.
 */

import { atTheStart } from '../../../router/port.ts';
import { attribute } from '../../../telemetry/spans.ts';
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import { type Workflow, WorkflowError } from '../../workflows/index.ts';
import type { RolePorts } from '../ports.ts';
import type { RouteInput, RouteOutput } from './routing.ts';

const ROUTE_TIMEOUT_MS = 10_000;

/** Anybody who may write to the log may submit a fork, so what it brings is checked like a file. */
function carriedRoute(carried: unknown, read: RolePorts['readWorkflow']): RouteOutput {
  const workflow = checked(carried, read);
  const route = {
    ...{ decision: workflow.name, confidence: 1, fallback: false, engine: 'fork', ms: 0, probabilities: {} },
    reason: 'the task runs another one again, with the workflow that it had',
  };
  return { route, workflow, next: 'begin' };
}

function checked(carried: unknown, read: RolePorts['readWorkflow']): Workflow {
  try {
    return read(carried);
  } catch (error) {
    if (error instanceof WorkflowError) throw new EffectError('unknown_workflow', error.message);
    throw error;
  }
}

export function createEffects({
  router,
  workflows,
  readWorkflow,
}: Pick<RolePorts, 'router' | 'workflows' | 'readWorkflow'>): EffectHandlers {
  return {
    route: effect<RouteInput, RouteOutput>(
      { fence: 'pure', timeoutMs: ROUTE_TIMEOUT_MS, concurrencyMax: 64 },
      async (input, { signal, span }) => {
        if (input.carried !== undefined) return carriedRoute(input.carried, readWorkflow);
        if (input.wish !== null && !workflows.has(input.wish)) {
          throw new EffectError(
            'unknown_workflow',
            `there is no workflow ${input.wish}; choose one of ${[...workflows.keys()].join(', ')}`,
          );
        }
        const { prompt, carried: _carried, ...known } = input;
        // A task of release 1 says less than a situation.
        const { decision: route, next } = await router.decide(prompt, { ...atTheStart, ...known }, signal);
        span.set({
          [attribute.routeDecision]: route.decision,
          [attribute.routeConfidence]: route.confidence,
          [attribute.routeFallback]: route.fallback,
          [attribute.routeEngine]: route.engine,
        });
        // Its words may repeat what was asked.
        span.content?.(() => ({ [attribute.routeReason]: route.reason }));
        const found = workflows.get(route.decision);
        if (!found)
          throw new EffectError('unknown_workflow', `the router chose ${route.decision}, which is no workflow`);
        // They are for the router: in the journal they would be room for nothing.
        const { examples: _examples, ...workflow } = found;
        return { route, workflow, next };
      },
    ),
  };
}
