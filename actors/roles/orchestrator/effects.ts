/**
 * Asks the router. Owns: pairing the decision with its workflow. Does not own: deciding.
 */

import { atTheStart } from '../../../router/port.ts';
import { attribute } from '../../../telemetry/spans.ts';
import { EffectError } from '../../runtime/errors.ts';
import { type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import type { RouteInput, RouteOutput } from './machine.ts';

const ROUTE_TIMEOUT_MS = 10_000;

export function createEffects({ router, workflows }: Pick<RolePorts, 'router' | 'workflows'>): EffectHandlers {
  return {
    route: effect<RouteInput, RouteOutput>(
      { fence: 'pure', timeoutMs: ROUTE_TIMEOUT_MS, concurrencyMax: 64 },
      async (input, { signal, span }) => {
        if (input.wish !== null && !workflows.has(input.wish)) {
          throw new EffectError(
            'unknown_workflow',
            `there is no workflow ${input.wish}; choose one of ${[...workflows.keys()].join(', ')}`,
          );
        }
        const { prompt, ...known } = input;
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
        const workflow = workflows.get(route.decision);
        if (!workflow)
          throw new EffectError('unknown_workflow', `the router chose ${route.decision}, which is no workflow`);
        return { route, workflow, next };
      },
    ),
  };
}
