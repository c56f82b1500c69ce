/**
 * The machine of a role that prompts a language model its own way. Owns: what its author says of that. Does not own: asking
 * (actors/roles/writer.ts), or the model (the llm role).
 */
import { createWriterMachine } from '../actors/roles/writer.ts';
import type { ErrorInfo, HopOutput, HopRequestedData, LlmRequestedData } from '../schemas/events/generated.ts';

export interface ModelOptions {
  /** What the model is told, from the request of the hop. Pure: the same request gives the same messages. */
  messages(request: HopRequestedData): NonNullable<LlmRequestedData['messages']>;
  /** JSON Schema of what it is to write; a server that knows such schemas holds it to that. Check what came in `read`. */
  readonly format?: LlmRequestedData['format'];
  /** What is made of its text; the answer as it stands when absent. Pure. */
  read?(text: string, said: HopOutput, request: HopRequestedData): HopOutput;
  /** What is said instead where no model answers; null, or absent: the hop fails with the reason. Pure. */
  without?(request: HopRequestedData, why: ErrorInfo): HopOutput | null;
}

/** @param role its name; its definition says `asks: ['llm']`, so that its steps have the time of a model */
export function modelMachine(role: string, options: ModelOptions) {
  const { format, read, without } = options;
  return createWriterMachine({
    // The word for it of before there were skills: tasks that are under way are told the same to the byte.
    ...{ id: role, wants: { purpose: 'text' }, passesStanding: true },
    asks: (request) => ({ messages: options.messages(request), ...(format === undefined ? {} : { format }) }),
    ...(read === undefined ? {} : { read: (said, request) => read(said.answer?.text ?? '', said, request) }),
    ...(without === undefined ? {} : { without: (request, why) => without(request, why) }),
  });
}
