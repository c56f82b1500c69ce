/**
 * The names in traces. Owns: what spans and attributes are called; dashboards and alerts rest on them, so they stay.
 * Does not own: making spans (`tracer.ts`), or when one is made. Every name is explained in docs/spans.md.
 */

/** Span of each effect, by `role/effect`; an effect that is not named here is an `agent.effect`. */
const spanNames: Readonly<Record<string, string>> = {
  'orchestrator/route': 'agent.route',
  'retriever/search': 'agent.retrieve',
  'reviewer/check': 'agent.check',
  'tools/choose': 'agent.tool_choice',
  'tools/run': 'agent.tool_call',
  'llm/generate': 'agent.llm',
  'llm/extract': 'agent.llm',
};

export function spanName(role: string, effect: string): string {
  return spanNames[`${role}/${effect}`] ?? 'agent.effect';
}

/** Span of a call of the gateway. */
export function callSpanName(operation: string): string {
  return `gateway.${operation}`;
}

/** Attributes that the mesh names itself; the others are of the semantic conventions (`gen_ai.…`, `error.type`). */
export const attribute = {
  correlationId: 'mesh.correlation_id',
  /** Who called the gateway. */
  caller: 'mesh.caller',
  role: 'mesh.role',
  hopIndex: 'mesh.hop.index',
  remainingLoops: 'mesh.loops.remaining',
  effect: 'mesh.effect.name',
  effectKey: 'mesh.effect.key',
  fence: 'mesh.effect.fence',
  attempt: 'mesh.effect.attempt',
  outcome: 'mesh.effect.outcome',
  waitedMs: 'mesh.effect.waited_ms',
  refusals: 'mesh.effect.refusals',
  queueDepth: 'mesh.queue.depth',
  /** Why a cap refused the effect or ended it. */
  overload: 'mesh.overload.reason',
  breaker: 'mesh.breaker.name',
  breakerState: 'mesh.breaker.state',
  threads: 'process.threads',
  rssMb: 'process.memory.rss_mb',
  memoryLimitMb: 'process.memory.limit_mb',
  errorType: 'error.type',
  routeDecision: 'mesh.route.decision',
  /** 0 to 1. */
  routeConfidence: 'mesh.route.confidence',
  /** True when the fallback workflow was taken instead of what the engine said. */
  routeFallback: 'mesh.route.fallback',
  routeReason: 'mesh.route.reason',
  routeEngine: 'mesh.route.engine',
  passages: 'mesh.retrieve.passages',
  retrieveEngine: 'mesh.retrieve.engine',
  /** Why the search was not as good as it is configured to be. */
  retrieveProblem: 'mesh.retrieve.problem',
  /** GenAI semantic conventions. */
  operation: 'gen_ai.operation.name',
  responseModel: 'gen_ai.response.model',
  toolName: 'gen_ai.tool.name',
} as const;
