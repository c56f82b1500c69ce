/**
 * Runs the engines. Owns: bounding them, the breaker before them, and passing text on as it appears. Does not own: what
 * an engine does.
 */
import { SET_UP_A_MODEL } from '../../../prompting/without-model.ts';
import type { HopOutput, LlmRequestedData } from '../../../schemas/events/generated.ts';
import { attribute } from '../../../telemetry/spans.ts';
import { stoppable } from '../../runtime/effects/attempt.ts';
import { EffectError } from '../../runtime/errors.ts';
import { systemClock } from '../../runtime/ports.ts';
import { type EffectContext, type EffectHandlers, effect } from '../../runtime/role.ts';
import type { RolePorts } from '../ports.ts';
import { turnOf } from '../share.ts';
import { skillNameOf, textRequest, withoutModel } from './asked-skill.ts';
import { ATTEMPTS_MAX, modelMs } from './budget.ts';
import type { EmbeddedEngine } from './engines/extractive-lane.ts';
import type { EngineRequest, Usage } from './engines/port.ts';
import type { ExtractInput } from './machine.ts';
import { inputMessages, outputMessages } from './told-messages.ts';

const EXTRACT_TIMEOUT_MS = 30_000;

/** Engines load at their first use: a compiler is among what they need, and a restart must be quick. */
function openExtractive(): () => Promise<EmbeddedEngine> {
  let opened: Promise<EmbeddedEngine> | undefined;
  return () => {
    opened ??= import('./engines/extractive-lane.ts').then(({ createEmbeddedEngine }) => createEmbeddedEngine());
    return opened;
  };
}

/** What says nothing of the engine's health: it was full, or slow, or its model wrote what cannot be used. */
const NO_FAILURE: ReadonlySet<unknown> = new Set([
  'engine_busy',
  'model_slow',
  'engine_no_answer',
  'engine_refused',
  'engine_slow',
]);

/** What no other attempt would change says nothing of its health either, but for an engine that is silent. */
function isFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  if (error.name === 'AbortError' || error.name === 'AttemptCancelled') return false;
  const code = 'code' in error ? error.code : undefined;
  if (code === 'engine_timeout') return true;
  return !NO_FAILURE.has(code) && !('retryable' in error && error.retryable === false);
}

/**
 * An engine's name is `<provider>:<model>`, or the provider alone while it does not know its model yet.
 * @param model of the embedded engine, which has one word for both
 */
function chatWith(engine: string, model = modelIn(engine)): Record<string, string> {
  const [provider = engine] = engine.split(':');
  return {
    ...{ [attribute.operation]: 'chat', [attribute.provider]: provider },
    ...(model === '' ? {} : { [attribute.requestModel]: model }),
  };
}

/** Who wrote it: known for sure only when it has. */
function writtenBy({ engine = '' }: HopOutput): Record<string, string> {
  return { [attribute.responseModel]: modelIn(engine) || engine };
}

function modelIn(engine: string): string {
  return engine.split(':').slice(1).join(':');
}

/** While its breaker is open there is no use in another attempt: the embedded engine takes over. */
function notAgain(error: unknown): unknown {
  if (!(error instanceof EffectError) || error.code !== 'breaker_open') return error;
  return new EffectError(error.code, error.message, { retryable: false, cause: error });
}

/**
 * A step may have less time than a generation may take; what is left when the model is given up is for what there is. As
 * all of its limits this one stands still while the step waits.
 */
function withinStep({ timeoutMs }: LlmRequestedData, { signal, waits }: Pick<EffectContext, 'signal' | 'waits'>) {
  const limitMs = modelMs(timeoutMs);
  const over = new AbortController();
  const message = `it was waited for ${Math.round(limitMs / 1000)} s, the time of this step. Raise LLM_TIMEOUT_MS, or use a smaller model`;
  const limit = stoppable(systemClock, limitMs, () => over.abort(new EffectError('model_slow', message)));
  return {
    signal: AbortSignal.any([signal, over.signal]),
    waits(ahead: number | null): void {
      if (ahead === null) limit.goOn();
      else limit.standStill();
      waits(ahead);
    },
    close: () => limit.standStill(),
  };
}

type Ports = Pick<RolePorts, 'llm' | 'skills' | 'breakers' | 'showText'>;

export function createEffects({ llm, skills, breakers, showText }: Ports): EffectHandlers {
  const extractive = openExtractive();
  return {
    generate: effect<LlmRequestedData, HopOutput>(
      {
        fence: 'pure',
        timeoutMs: llm.timeoutMs,
        attemptsMax: ATTEMPTS_MAX,
        concurrencyMax: llm.parallel,
        queueMax: llm.queueMax,
        share: ({ share }) => turnOf(share),
      },
      async (request, { correlationId, attempt, share, heartbeat, span, ...given }) => {
        const { requestId } = request;
        const { signal, waits, close } = withinStep(request, given);
        const onText = showText(correlationId, { attempt, purpose: skillNameOf(request) ?? 'text', requestId });
        const context = { signal, heartbeat, onText, waits, flow: share.flow, task: correlationId };
        const { engine } = llm;
        const generate = async (
          chosen: Pick<EmbeddedEngine, 'name' | 'generate'>,
          asked: EngineRequest,
          model?: string,
        ): Promise<HopOutput> => {
          span.set(chatWith(chosen.name, model));
          span.content?.(() => ({ [attribute.inputMessages]: inputMessages(request) }));
          const instructions = llm.prompts?.[asked.skill.name];
          const wanted = instructions === undefined ? asked : { ...asked, instructions };
          // A server may count as it goes: what it says last is the whole.
          let usage: Usage | null = null;
          const onUsage = (counted: Usage): void => {
            usage = counted;
            span.set({ [attribute.inputTokens]: counted.input, [attribute.outputTokens]: counted.output });
          };
          const made = await chosen.generate(wanted, { ...context, onUsage });
          span.set(writtenBy(made));
          const output = usage === null ? made : { ...made, usage };
          span.content?.(() => ({ [attribute.outputMessages]: outputMessages(output) }));
          return output;
        };
        if (engine === null && request.waitForModel && request.input.tool === undefined)
          throw new EffectError('no_model', `No language model is set up to wait for: ${SET_UP_A_MODEL}.`);
        try {
          if (engine === null) {
            const embedded = await extractive();
            return await generate(embedded, await withoutModel(skills, request), embedded.name);
          }
          const asked = await textRequest(skills, request);
          const work = async (): Promise<HopOutput> => generate(await engine(), asked);
          const wait = { until: 'trial', waits } as const;
          return await breakers.run(`llm:${llm.kind}`, work, { isFailure, signal, span, wait });
        } catch (error) {
          throw notAgain(error);
        } finally {
          close();
        }
      },
    ),
    extract: effect<ExtractInput, HopOutput>(
      { fence: 'pure', timeoutMs: EXTRACT_TIMEOUT_MS },
      async (request, { correlationId, signal, share, waits, span }) => {
        const engine = await extractive();
        span.set(chatWith(engine.name, engine.name));
        const asked = await withoutModel(skills, request, request.failure);
        const made = await engine.generate(asked, { signal, waits, flow: share.flow, task: correlationId });
        span.set(writtenBy(made));
        return made;
      },
    ),
  };
}
