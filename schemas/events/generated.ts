/** Generated from the JSON Schemas beside this file by generate.ts: do not edit. */

/**
 * A role of the mesh: a lower-case word, also the folder under actors/roles.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Role".
 */
export type Role = string;
/**
 * One role speaks to another; also published as a fact. The data is an A2A 1.0 Message.
 */
export type AgentMessageData = Message;
/**
 * Pictures, files, links and data that a tool answered besides its text.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Attachments".
 */
export type Attachments = Part[];
/**
 * What the caller asked, verbatim.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Prompt".
 */
export type Prompt = string;
/**
 * How a task stands beside others of its caller and of other callers where they wait for the same thing: high has eight turns and normal four for one of low.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Priority".
 */
export type Priority = 'high' | 'normal' | 'low';
/**
 * How a task came in: by the command line, an MCP client, or one of the gateway's doors; absent for what was written on the log itself.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Door".
 */
export type Door = 'cli' | 'mcp' | 'grpc' | 'a2a' | 'dapr';
/**
 * Name of a workflow in actors/workflows.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "WorkflowName".
 */
export type WorkflowName = string;
/**
 * The caller's own name of the task; the task's id is derived from the caller and it.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "TaskKey".
 */
export type TaskKey = string;
/**
 * begin: the workflow from its first step; continue: the task goes on in the workflow that it is in; finish: its loop ends with the best attempt.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "RouteNext".
 */
export type RouteNext = 'begin' | 'continue' | 'finish';

export interface AllSchemas {
  envelope?: Envelope;
  'agent.message'?: AgentMessageData;
  'effect.finished'?: EffectFinishedData;
  'effect.retried'?: EffectRetriedData;
  'effect.started'?: EffectStartedData;
  'effect.waiting'?: EffectWaitingData;
  'effect.withdrawn'?: EffectWithdrawnData;
  'hop.cancelled'?: HopCancelledData;
  'hop.finished'?: HopFinishedData;
  'hop.progress'?: HopProgressData;
  'hop.replied'?: HopRepliedData;
  'hop.requested'?: HopRequestedData;
  'hop.started'?: HopStartedData;
  'hop.waiting'?: HopWaitingData;
  'llm.replied'?: LlmRepliedData;
  'llm.requested'?: LlmRequestedData;
  'loop.advanced'?: LoopAdvancedData;
  'task.accepted'?: TaskAcceptedData;
  'task.cancel.requested'?: TaskCancelRequestedData;
  'task.cancelled'?: TaskCancelledData;
  'task.completed'?: TaskCompletedData;
  'task.failed'?: TaskFailedData;
  'task.input.accepted'?: TaskInputAcceptedData;
  'task.input.provided'?: TaskInputProvidedData;
  'task.input.refused'?: TaskInputRefusedData;
  'task.input.reminded'?: TaskInputRemindedData;
  'task.input.required'?: TaskInputRequiredData;
  'task.over'?: TaskOverData;
  'task.routed'?: TaskRoutedData;
  'task.submitted'?: TaskSubmittedData;
  'timer.fired'?: TimerFiredData;
}
/**
 * The CloudEvents 1.0 envelope of every event of the mesh (structured JSON). Extension names are lower-case letters and digits, as CloudEvents section 3.1 asks.
 */
export interface Envelope {
  specversion: '1.0';
  /**
   * Derived from correlation id, actor, transition index and output index.
   */
  id: string;
  /**
   * The role that speaks, as /mesh/<role>; never a process.
   */
  source: string;
  /**
   * dev.agentmesh.<name>.v<major>.
   */
  type: string;
  /**
   * The correlation id again, for CloudEvents tools that filter by subject.
   */
  subject: string;
  /**
   * When the log stored the event that caused this one (RFC 3339): a replay gives the same.
   */
  time: string;
  datacontenttype: 'application/json';
  /**
   * Address of the data's JSON Schema.
   */
  dataschema?: string;
  /**
   * The task: a UUID of RFC 9562, in lower case.
   */
  correlationid: string;
  /**
   * Id of the event that caused this one.
   */
  causationid: string;
  /**
   * Hops started so far in the task.
   */
  hopindex: number;
  /**
   * Review loops left.
   */
  remainingloops: number;
  senderrole: Role;
  /**
   * The role addressed; watchers for facts.
   */
  recipientrole: string;
  /**
   * Generation of machines the task is pinned to.
   */
  release: number;
  /**
   * W3C Trace Context.
   */
  traceparent: string;
  data: {
    [k: string]: unknown;
  };
}
/**
 * An A2A 1.0 Message (section 4.1.4), unmodified.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Message".
 */
export interface Message {
  messageId: string;
  contextId?: string;
  taskId?: string;
  role: 'ROLE_USER' | 'ROLE_AGENT';
  parts: Part[];
  metadata?: {
    [k: string]: unknown;
  };
  extensions?: string[];
  referenceTaskIds?: string[];
}
/**
 * A part of an A2A message (A2A 1.0, section 4.1.6): exactly one of text, data, url or raw.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Part".
 */
export interface Part {
  text?: string;
  /**
   * Any JSON value.
   */
  data?: unknown;
  url?: string;
  raw?: string;
  filename?: string;
  mediaType?: string;
  metadata?: {
    [k: string]: unknown;
  };
}
/**
 * The journaled result of an effect; the first one wins.
 */
export interface EffectFinishedData {
  /**
   * The idempotency key.
   */
  key: string;
  /**
   * The invoke's id.
   */
  effect: string;
  /**
   * Transition index that started the effect.
   */
  armedVersion: number;
  status: 'done' | 'failed' | 'unknown';
  /**
   * Any JSON value.
   */
  output?: unknown;
  error?: ErrorInfo;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "ErrorInfo".
 */
export interface ErrorInfo {
  /**
   * Stable machine-readable code.
   */
  code: string;
  /**
   * One sentence for a person, saying what to do where something can be done.
   */
  message: string;
  /**
   * Whether another attempt may succeed.
   */
  retryable: boolean;
}
/**
 * An attempt of an effect failed in passing; there will be another.
 */
export interface EffectRetriedData {
  /**
   * The idempotency key.
   */
  key: string;
  /**
   * The invoke's id.
   */
  effect: string;
  /**
   * Transition index that started the effect.
   */
  armedVersion: number;
  /**
   * Attempts that have failed so far.
   */
  attempt: number;
  error: ErrorInfo;
}
/**
 * An effect that may not be repeated is about to run.
 */
export interface EffectStartedData {
  /**
   * The idempotency key.
   */
  key: string;
  /**
   * The invoke's id.
   */
  effect: string;
  attempt: number;
}
/**
 * An effect waits for its turn, or its turn has come after it was said that it waits.
 */
export interface EffectWaitingData {
  /**
   * The idempotency key.
   */
  key: string;
  /**
   * The invoke's id.
   */
  effect: string;
  /**
   * False when its turn has come.
   */
  waiting: boolean;
  /**
   * How many will have theirs before it, as far as is known; 0 when its turn has come.
   */
  ahead: number;
}
/**
 * An effect that was said to begin has not: its host stopped in order before it ran.
 */
export interface EffectWithdrawnData {
  /**
   * The idempotency key.
   */
  key: string;
  /**
   * The invoke's id.
   */
  effect: string;
  /**
   * Transition index that started the effect.
   */
  armedVersion: number;
}
/**
 * The orchestrator no longer wants the step; a running effect is aborted.
 */
export interface HopCancelledData {
  /**
   * Name of the step in its workflow.
   */
  step: string;
  /**
   * Attempt at this step, from 1.
   */
  attempt: number;
  reason: string;
}
/**
 * A hop ended.
 */
export interface HopFinishedData {
  hop: HopRecord;
  error?: ErrorInfo;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "HopRecord".
 */
export interface HopRecord {
  /**
   * Counted from 1.
   */
  index: number;
  step: string;
  role: Role;
  attempt: number;
  status: 'completed' | 'failed' | 'unknown' | 'cancelled';
  /**
   * What did the work: openai:qwen2.5, extractive, typescript@6.0.3, …; empty when it does not matter.
   */
  engine: string;
  /**
   * One line for a person.
   */
  summary: string;
  /**
   * From request to reply as stored in the log, milliseconds.
   */
  ms: number;
  usage?: TokenUsage;
}
/**
 * Tokens that a language model read and wrote, as its server counts them.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "TokenUsage".
 */
export interface TokenUsage {
  input: number;
  output: number;
}
/**
 * A long effect says that it is alive.
 */
export interface HopProgressData {
  role: Role;
  effect: string;
  note: string;
}
/**
 * A role's reply to hop.requested.
 */
export interface HopRepliedData {
  /**
   * Name of the step in its workflow.
   */
  step: string;
  /**
   * Attempt at this step, from 1.
   */
  attempt: number;
  /**
   * unknown: an effect that may not be repeated was cut off.
   */
  status: 'completed' | 'failed' | 'unknown';
  output?: HopOutput;
  consent?: ToolConsent;
  error?: ErrorInfo;
}
/**
 * What a role made; only the fields it is about are present.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "HopOutput".
 */
export interface HopOutput {
  /**
   * What did the work.
   */
  engine: string;
  /**
   * One line for a person.
   */
  summary: string;
  passages?: Passage[];
  code?: CodeArtifact;
  review?: Review;
  answer?: Answer;
  tool?: ToolCall;
  artifacts?: OwnArtifacts;
  degraded?: Degraded;
  usage?: TokenUsage;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Passage".
 */
export interface Passage {
  /**
   * Stable id of the chunk: path and first line.
   */
  id: string;
  /**
   * File as indexed, relative to its root where possible.
   */
  path: string;
  /**
   * Path of headings, or the symbol for code; empty when there is none.
   */
  heading: string;
  /**
   * First line, counted from 1.
   */
  startLine: number;
  /**
   * Last line, inclusive.
   */
  endLine: number;
  /**
   * The chunk's text.
   */
  text: string;
  kind: 'markdown' | 'text' | 'code';
  /**
   * Language of code, lower-case (typescript, python, …); empty for prose.
   */
  language: string;
  /**
   * Relevance, larger is better; comparable inside one search only.
   */
  score: number;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "CodeArtifact".
 */
export interface CodeArtifact {
  /**
   * Lower-case language name: typescript, javascript, python, json, …
   */
  language: string;
  /**
   * The whole source text.
   */
  text: string;
  /**
   * Counted from 1; a revision raises it.
   */
  attempt: number;
  /**
   * What the coder says about it, in a few sentences.
   */
  explanation: string;
  citations: Citation[];
  /**
   * Present when several files were written; text is then all of them, each under its name.
   */
  files?: CodeFile[];
  /**
   * What was wrong with the reply that the code was taken from, such as that it was cut; the reviewer counts them as findings.
   */
  faults?: Finding[];
}
/**
 * Where a statement of an answer comes from.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Citation".
 */
export interface Citation {
  /**
   * The number used in the text, [1] is 1.
   */
  marker: number;
  path: string;
  heading: string;
  startLine: number;
  endLine: number;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "CodeFile".
 */
export interface CodeFile {
  /**
   * As the model named it, relative.
   */
  path: string;
  language: string;
  text: string;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Finding".
 */
export interface Finding {
  severity: 'error' | 'warning' | 'info';
  /**
   * Line in the reviewed text, from 1; 0 when it concerns the whole.
   */
  line: number;
  /**
   * Code of the check, such as ts2304 or json-syntax.
   */
  rule: string;
  message: string;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Review".
 */
export interface Review {
  verdict: 'approved' | 'changes_requested';
  findings: Finding[];
  summary: string;
  /**
   * The checkers that ran, such as typescript@6.0.3.
   */
  checkedBy: string[];
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Answer".
 */
export interface Answer {
  text: string;
  citations: Citation[];
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "ToolCall".
 */
export interface ToolCall {
  name: string;
  /**
   * As the tool's schema asks.
   */
  arguments: {
    [k: string]: unknown;
  };
  /**
   * The model that chose it; absent when the words of the request did.
   */
  chosenBy?: string;
  /**
   * The tool's answer as text; empty while the tool was only chosen.
   */
  result: string;
  attachments?: Attachments;
}
/**
 * Artifacts of kinds that roles declare themselves, by the name of the kind.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "OwnArtifacts".
 */
export interface OwnArtifacts {
  [k: string]: OwnArtifact;
}
/**
 * An artifact of a kind that a role declares itself.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "OwnArtifact".
 */
export interface OwnArtifact {
  /**
   * What was made, by the schema that the role declares with the kind.
   */
  data: {
    [k: string]: unknown;
  };
  /**
   * The same for people, as the role says that the kind is shown.
   */
  text: string;
}
/**
 * Why an answer is less than what was asked for, and what it is instead.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Degraded".
 */
export interface Degraded {
  /**
   * no_model: none is configured; model_failed, model_slow, model_refused: the configured one failed, took too long, declined; reply_cut: it stopped before its end; not_checked: nothing that could judge it has looked at the code.
   */
  reason: 'no_model' | 'model_failed' | 'model_slow' | 'model_refused' | 'reply_cut' | 'not_checked';
  /**
   * nothing: the question is not answered; quotes of the knowledge base; plain: what needs no model, such as a tool's result; found_code: code that exists, or a skeleton; static_checks: a review without a model's opinion; partial: the beginning of a reply; unchecked_code: code that nobody has judged.
   */
  instead: 'nothing' | 'quotes' | 'plain' | 'found_code' | 'static_checks' | 'partial' | 'unchecked_code';
  /**
   * The reason in words, with the model's or server's own.
   */
  message: string;
}
/**
 * A tool that acts outside, with its arguments: what a person is asked about, and what a yes is for.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "ToolConsent".
 */
export interface ToolConsent {
  name: string;
  arguments: {
    [k: string]: unknown;
  };
  /**
   * The model that chose it; absent when the words of the request did.
   */
  chosenBy?: string;
}
/**
 * The orchestrator asks a role for one step.
 */
export interface HopRequestedData {
  /**
   * Name of the step in its workflow.
   */
  step: string;
  /**
   * Attempt at this step, from 1.
   */
  attempt: number;
  /**
   * Time the role has, milliseconds.
   */
  timeoutMs: number;
  /**
   * True when a person wants a deed done again of which nobody knows whether it was done.
   */
  repeat?: boolean;
  consented?: ToolConsent;
  input: HopInput;
  share?: Share;
  /**
   * True when no answer is better than one without the language model.
   */
  waitForModel?: boolean;
}
/**
 * What a role is given: the prompt and what earlier hops made.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "HopInput".
 */
export interface HopInput {
  prompt: Prompt;
  passages?: Passage[];
  code?: CodeArtifact;
  review?: Review;
  tool?: ToolCall;
  artifacts?: OwnArtifacts;
  /**
   * What a person answered to a question about this step.
   */
  note?: string;
}
/**
 * Whose turn work is counted as where it waits.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Share".
 */
export interface Share {
  /**
   * Who asked; free text.
   */
  caller: string;
  priority: Priority;
  door?: Door;
}
/**
 * A hop was handed to a role.
 */
export interface HopStartedData {
  index: number;
  role: Role;
  /**
   * Name of the step in its workflow.
   */
  step: string;
  /**
   * Attempt at this step, from 1.
   */
  attempt: number;
}
/**
 * A step waits for its turn, or its turn has come after it was said that it waits: the time of the step counts from then.
 */
export interface HopWaitingData {
  role: Role;
  /**
   * False when its turn has come.
   */
  waiting: boolean;
  /**
   * How many will have theirs before it, as far as is known; 0 when its turn has come.
   */
  ahead: number;
}
/**
 * The llm role's reply.
 */
export interface LlmRepliedData {
  requestId: string;
  status: 'completed' | 'failed';
  output?: HopOutput;
  error?: ErrorInfo;
}
/**
 * A role asks the llm role for text.
 */
export interface LlmRequestedData {
  /**
   * Chosen by the asker, unique in the task.
   */
  requestId: string;
  /**
   * Name of the skill that is wanted: what the model is told, how its reply is read, and what is said without one. A role brings it in its folder. Absent: the asker brings its messages and reads the reply itself.
   */
  skill?: string;
  /**
   * What requests said in place of skill before their role's version 5; text: none.
   */
  purpose?: 'answer' | 'code' | 'review' | 'tool' | 'text';
  /**
   * What the model is told, word for word, in place of what the skill would say.
   */
  messages?: {
    role: 'system' | 'user' | 'assistant';
    content: string;
  }[];
  /**
   * JSON Schema of what the model is to write, in place of the skill's own form; absent: text. Whoever reads the reply checks it.
   */
  format?: {
    [k: string]: unknown;
  };
  /**
   * Name of the skill that does it without a model, from the input; the wanted one when absent. Without either it fails then.
   */
  fallback?: string;
  input: HopInput;
  /**
   * What may be chosen: the reply is then the choice of one.
   */
  tools?: ToolOffer[];
  /**
   * Time the asker has for it, milliseconds: a little before its end the reply is what can be said without the model.
   */
  timeoutMs?: number;
  share?: Share;
  /**
   * True when no answer is better than one without the language model.
   */
  waitForModel?: boolean;
}
/**
 * A tool that a model may choose.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "ToolOffer".
 */
export interface ToolOffer {
  name: string;
  description: string;
  /**
   * JSON Schema of its arguments.
   */
  inputSchema: {
    [k: string]: unknown;
  };
}
/**
 * A review asked for changes and the loop goes round, or ends.
 */
export interface LoopAdvancedData {
  loops: Loops;
  verdict: 'approved' | 'changes_requested';
  next: 'revise' | 'accepted' | 'exhausted';
  /**
   * How many findings of severity error.
   */
  findings: number;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Loops".
 */
export interface Loops {
  used: number;
  max: number;
}
/**
 * The mesh has the task durably.
 */
export interface TaskAcceptedData {
  prompt: Prompt;
  workflow?: WorkflowName;
  caller?: string;
  key?: TaskKey;
  conversation?: Conversation;
  fork?: ForkOrigin;
}
/**
 * The message of an A2A client that a task came from.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Conversation".
 */
export interface Conversation {
  messageId: string;
  /**
   * The context that the client named; absent, the task is a context of its own.
   */
  contextId?: string;
}
/**
 * The task, and the hop of it, that a task runs again.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "ForkOrigin".
 */
export interface ForkOrigin {
  correlationId: string;
  /**
   * Counted from 1.
   */
  hop: number;
  /**
   * Of what the hop is given: two forks of one hop with other inputs are other tasks.
   */
  digest?: string;
  /**
   * W3C Trace Context of that task, for the link of the new one to it.
   */
  traceparent?: string;
  /**
   * How much of what that task had made the submission carried, as JSON: the share of its caller counts it.
   */
  bytes?: number;
}
/**
 * Somebody wants a task stopped.
 */
export interface TaskCancelRequestedData {
  reason?: string;
}
/**
 * The task was cancelled.
 */
export interface TaskCancelledData {
  result: Result;
}
/**
 * How a task ended, whole: what run --json prints.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Result".
 */
export interface Result {
  /**
   * accepted and exhausted end a review loop; answered and reviewed end the others.
   */
  outcome: 'answered' | 'accepted' | 'exhausted' | 'reviewed' | 'failed' | 'cancelled';
  /**
   * The text for the caller.
   */
  answer: string;
  /**
   * The engine of the hop that made the answer.
   */
  engine: string;
  citations: Citation[];
  code?: CodeArtifact;
  review?: Review;
  attachments?: Attachments;
  artifacts?: OwnArtifacts;
  route?: Route;
  hops: HopRecord[];
  messages: Message[];
  loops: Loops;
  error?: ErrorInfo;
  degraded?: Degraded;
}
/**
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Route".
 */
export interface Route {
  decision: WorkflowName;
  /**
   * Probability of the likeliest route that could be taken, 0 to 1; with a fallback for want of confidence, not that of the fallback.
   */
  confidence: number;
  /**
   * True when policy replaced the engine's decision.
   */
  fallback: boolean;
  /**
   * Why, in one sentence.
   */
  reason: string;
  /**
   * Probability by workflow; after a review of continue and finish.
   */
  probabilities: {
    [k: string]: number;
  };
  /**
   * embedded, remote, rules, caller or policy.
   */
  engine: string;
  /**
   * Time the decision took, milliseconds.
   */
  ms: number;
}
/**
 * The task ended with a result.
 */
export interface TaskCompletedData {
  result: Result;
}
/**
 * The task ended without a result.
 */
export interface TaskFailedData {
  result: Result;
}
/**
 * The person's answer was taken; the task goes on.
 */
export interface TaskInputAcceptedData {
  text: string;
  /**
   * Names the answer: the message of an A2A client that it came in, or a name that its door gave it.
   */
  messageId?: string;
  /**
   * Of the question, unique in its task; absent in tasks of before release 4.
   */
  questionId?: string;
  /**
   * Who answered; free text.
   */
  caller?: string;
  /**
   * Nobody answered in time: it is the default of the question.
   */
  byDefault?: boolean;
}
/**
 * A person's answer to an open question of the task.
 */
export interface TaskInputProvidedData {
  text: string;
  /**
   * Names the answer: the message of an A2A client that it came in, or a name that its door gave it.
   */
  messageId?: string;
  /**
   * The question that the person saw; may be left out for the first question of a task.
   */
  questionId?: string;
  /**
   * Who answered; free text.
   */
  caller?: string;
}
/**
 * A person's answer was not taken; what is asked stays open.
 */
export interface TaskInputRefusedData {
  /**
   * The answer.
   */
  text: string;
  /**
   * Names the answer: the message of an A2A client that it came in, or a name that its door gave it.
   */
  messageId?: string;
  /**
   * Who answered; free text.
   */
  caller?: string;
  /**
   * The question that the answer named.
   */
  questionId?: string;
  /**
   * `other_question`: it named another one than the open one. `not_a_choice`: it is none of the choices. `not_named`: several questions were asked, and it named none. `answered`: its question was answered already. `not_allowed`: nobody knows who says it, and this question wants that.
   */
  code: 'other_question' | 'not_a_choice' | 'not_named' | 'answered' | 'not_allowed';
  /**
   * The same in words.
   */
  reason: string;
  /**
   * The question that is open.
   */
  open?: {
    questionId: string;
    question: string;
    choices: string[];
  };
  /**
   * What the question that it named was answered with.
   */
  answered?: {
    text: string;
    /**
     * Who answered; free text.
     */
    caller?: string;
  };
}
/**
 * A question has been open for a while: somebody should look at it.
 */
export interface TaskInputRemindedData {
  questionId: string;
  question: string;
  choices: string[];
  /**
   * How long it has been open, milliseconds.
   */
  waitedMs: number;
  /**
   * Whom the workflow names for it.
   */
  to?: string;
}
/**
 * The task waits for a person.
 */
export interface TaskInputRequiredData {
  question: string;
  /**
   * consent: a tool that acts outside is to run, and the policy of tools asks a person.
   */
  reason: 'outcome_unknown' | 'approval' | 'consent';
  choices: string[];
  /**
   * Of the question, unique in its task; absent in tasks of before release 4.
   */
  questionId?: string;
  /**
   * `choice`: one of the choices. `choice_or_result`: one of them, and `done` may be followed by a colon and what the step returned. `text`: anything. A choice when absent.
   */
  accepts?: 'choice' | 'choice_or_result' | 'text';
  /**
   * An answer is waited for so long, milliseconds.
   */
  timeoutMs?: number;
  /**
   * What counts as the answer after that time; absent, the task fails.
   */
  default?: string;
}
/**
 * The task has ended where it came from: whoever was asked something for it may forget its state.
 */
export interface TaskOverData {}
/**
 * Which workflow was chosen, and why; on the way also whether the task goes on with it.
 */
export interface TaskRoutedData {
  route: Route;
  /**
   * When it was decided; at the start when absent.
   */
  phase?: 'start' | 'after_review' | 'health_changed';
  next?: RouteNext;
  steps: {
    step: string;
    role: Role;
  }[];
}
/**
 * A task, as the ingress understood it.
 */
export interface TaskSubmittedData {
  prompt: Prompt;
  workflow?: WorkflowName;
  /**
   * Who asked; free text.
   */
  caller?: string;
  door?: Door;
  /**
   * Time the mesh may work on it, milliseconds.
   */
  deadlineMs?: number;
  key?: TaskKey;
  priority?: Priority;
  /**
   * Waiting for the language model is better than what can be said without it: the task waits, and fails when there is none.
   */
  waitForModel?: boolean;
  conversation?: Conversation;
  /**
   * Begin in the middle: at a step of the workflow, with what the hops before it had made in another task.
   */
  fork?: {
    origin: ForkOrigin;
    /**
     * Name of the step to begin with.
     */
    step: string;
    /**
     * Review loops that the task may still take.
     */
    remainingLoops: number;
    /**
     * What made the artifacts.
     */
    engine?: string;
    artifacts: Artifacts;
    /**
     * The workflow as the forked task had it: its file may have changed or gone since. Checked like a file when the task begins.
     */
    workflow?: {
      [k: string]: unknown;
    };
  };
}
/**
 * What the hops of a task have made so far.
 *
 * This interface was referenced by `AllSchemas`'s JSON-Schema
 * via the `definition` "Artifacts".
 */
export interface Artifacts {
  passages?: Passage[];
  code?: CodeArtifact;
  review?: Review;
  tool?: ToolCall;
  artifacts?: OwnArtifacts;
  /**
   * What a person answered to a question about this step.
   */
  note?: string;
}
/**
 * A timer reached its deadline.
 */
export interface TimerFiredData {
  /**
   * XState's id of the delayed event.
   */
  timer: string;
  /**
   * Transition index that armed it.
   */
  armedVersion: number;
}

/** The data of each event by its short name: the type without `dev.agentmesh.` and version. */
export interface DataByName {
  'agent.message': AgentMessageData;
  'effect.finished': EffectFinishedData;
  'effect.retried': EffectRetriedData;
  'effect.started': EffectStartedData;
  'effect.waiting': EffectWaitingData;
  'effect.withdrawn': EffectWithdrawnData;
  'hop.cancelled': HopCancelledData;
  'hop.finished': HopFinishedData;
  'hop.progress': HopProgressData;
  'hop.replied': HopRepliedData;
  'hop.requested': HopRequestedData;
  'hop.started': HopStartedData;
  'hop.waiting': HopWaitingData;
  'llm.replied': LlmRepliedData;
  'llm.requested': LlmRequestedData;
  'loop.advanced': LoopAdvancedData;
  'task.accepted': TaskAcceptedData;
  'task.cancel.requested': TaskCancelRequestedData;
  'task.cancelled': TaskCancelledData;
  'task.completed': TaskCompletedData;
  'task.failed': TaskFailedData;
  'task.input.accepted': TaskInputAcceptedData;
  'task.input.provided': TaskInputProvidedData;
  'task.input.refused': TaskInputRefusedData;
  'task.input.reminded': TaskInputRemindedData;
  'task.input.required': TaskInputRequiredData;
  'task.over': TaskOverData;
  'task.routed': TaskRoutedData;
  'task.submitted': TaskSubmittedData;
  'timer.fired': TimerFiredData;
}

export const eventNames = [
  'agent.message',
  'effect.finished',
  'effect.retried',
  'effect.started',
  'effect.waiting',
  'effect.withdrawn',
  'hop.cancelled',
  'hop.finished',
  'hop.progress',
  'hop.replied',
  'hop.requested',
  'hop.started',
  'hop.waiting',
  'llm.replied',
  'llm.requested',
  'loop.advanced',
  'task.accepted',
  'task.cancel.requested',
  'task.cancelled',
  'task.completed',
  'task.failed',
  'task.input.accepted',
  'task.input.provided',
  'task.input.refused',
  'task.input.reminded',
  'task.input.required',
  'task.over',
  'task.routed',
  'task.submitted',
  'timer.fired',
] as const;
