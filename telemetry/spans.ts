/**
 * The names in traces. Owns: what spans and attributes are called; dashboards and alerts rest on them, so they stay.
 * Does not own: making spans (`tracer.ts`), or when one is made. Every name is explained in docs/observability.md.
 */

/** Spans that the mesh names itself, beside those of effects and of calls. */
export const spanNamed = {
  task: 'agent.task',
  hop: 'agent.hop',
  /** A message applied to an actor. */
  step: 'agent.step',
  /** Something that one actor said to another. */
  message: 'agent.message',
  /** A message for another host, until the log had it. */
  publish: 'agent.publish',
  checkpointSave: 'agent.checkpoint.save',
  checkpointLoad: 'agent.checkpoint.load',
  replay: 'agent.replay',
  quarantine: 'agent.quarantine',
} as const;

/** Span of each effect, by `role/effect`; an effect that is not named here is an `agent.effect`. */
export const effectSpanNames: Readonly<Record<string, string>> = {
  'orchestrator/route': 'agent.route',
  'retriever/search': 'agent.retrieve',
  'reviewer/check': 'agent.review',
  'tools/choose': 'agent.tool_choice',
  'tools/check': 'agent.tool_choice',
  'tools/run': 'agent.tool_call',
  'llm/generate': 'agent.llm_call',
  'llm/extract': 'agent.llm_call',
};

export function spanName(role: string, effect: string): string {
  return effectSpanNames[`${role}/${effect}`] ?? 'agent.effect';
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
  fence: 'mesh.effect.fence',
  attempt: 'mesh.effect.attempt',
  /** `done`, `failed`, `cancelled`; `cut_off` for one in whose middle its process ended. */
  outcome: 'mesh.effect.outcome',
  cutOffReason: 'mesh.cut_off.reason',
  /** On the attempt after a crash: from the last sign of the one before to its own beginning. */
  lostMs: 'mesh.crash.lost_ms',
  linkCause: 'mesh.link.cause',
  replay: 'mesh.replay',
  taskStatus: 'mesh.task.status',
  workflow: 'mesh.workflow',
  step: 'mesh.step',
  stepAttempt: 'mesh.step.attempt',
  hopStatus: 'mesh.hop.status',
  engine: 'mesh.engine',
  hops: 'mesh.hops',
  partition: 'mesh.partition',
  service: 'mesh.service',
  records: 'mesh.records',
  tasks: 'mesh.tasks',
  /** How the last writer of a partition left it: `in_order`, `cut_off` or `taken_over`. */
  left: 'mesh.left',
  eventType: 'mesh.event.type',
  sender: 'mesh.sender',
  recipient: 'mesh.recipient',
  quarantineCode: 'mesh.quarantine.code',
  window: 'mesh.debug_window.id',
  waitedMs: 'mesh.effect.waited_ms',
  refusals: 'mesh.effect.refusals',
  queueDepth: 'mesh.queue.depth',
  /** Why a cap of a tool refused it or ended it. */
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
  /** True when the search was not as good as it is configured to be. */
  retrieveFallback: 'mesh.retrieve.fallback',
  /** Why it was not. */
  retrieveProblem: 'mesh.retrieve.problem',
  /** GenAI semantic conventions, as of semantic-conventions-genai 0.1.0. */
  operation: 'gen_ai.operation.name',
  agentName: 'gen_ai.agent.name',
  conversation: 'gen_ai.conversation.id',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  provider: 'gen_ai.provider.name',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  toolName: 'gen_ai.tool.name',
  toolType: 'gen_ai.tool.type',
  topK: 'gen_ai.retrieval.top_k',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  toolArguments: 'gen_ai.tool.call.arguments',
  /** Messaging conventions; the destination is a template, so that its values are few. */
  messagingSystem: 'messaging.system',
  messagingDestination: 'messaging.destination.name',
  messagingOperation: 'messaging.operation.type',
  streamSequence: 'mesh.stream.sequence',
  a2aMethod: 'a2a.method.name',
  a2aMessageId: 'a2a.message.id',
  a2aTaskId: 'a2a.task.id',
} as const;
