/**
 * The answer as it is written, in one stream (specification, section 4.2.2). Owns: making chunks of one artifact from
 * generated text, and fitting the final artifact to what was sent. Does not own: the text, which is not stored: a stream
 * that came too late, or reads too slowly, gets the whole at the end.
 *
 * Invariant: whoever appends where `append` is set, and replaces where it is not, has the stored artifact at the end.
 */
import type { Artifact, StreamResponse, TaskArtifactUpdateEvent } from '@a2a-js/sdk';
import type { TokenItem } from '../../task-client/token-tap.ts';
import { ANSWER_ARTIFACT, textPart } from './convert.ts';

/** The task of the stream. */
export type TaskPlace = Pick<TaskArtifactUpdateEvent, 'taskId' | 'contextId'>;

export class AnswerText {
  readonly #place: TaskPlace;
  /** Which generation is being followed. */
  #generation = '';
  #nextNumber = 1;
  /** What was sent of the present generation. */
  #sent = '';
  /** Space at the end of the text: sent with what follows, since the stored answer does not end in it. */
  #held = '';

  constructor(place: TaskPlace) {
    this.#place = place;
  }

  /** What a piece of text adds; empty for text that is no answer, or of which the beginning was missed. */
  chunk({ purpose, requestId, attempt, number, text }: TokenItem): StreamResponse[] {
    if (purpose !== 'answer') return [];
    const generation = `${requestId}/${attempt}`;
    if (number === 1) {
      this.#generation = generation;
      this.#nextNumber = 1;
      this.#sent = '';
      this.#held = '';
    }
    // After a gap nothing more is sent: what was is the beginning of the answer, and the end brings the rest.
    if (generation !== this.#generation || number !== this.#nextNumber) return [];
    this.#nextNumber += 1;
    const whole = this.#sent === '' ? (this.#held + text).trimStart() : this.#held + text;
    const body = whole.trimEnd();
    this.#held = whole.slice(body.length);
    if (body === '') return [];
    // Another attempt begins anew: its first chunk replaces what the one before has written.
    const append = this.#sent !== '';
    this.#sent += body;
    const artifact = { ...emptyArtifact, parts: [textPart(body)] };
    return [{ payload: { $case: 'artifactUpdate', value: this.#update(artifact, { append, lastChunk: false }) } }];
  }

  /** The events of a fact, as they are after what was sent. */
  after(events: readonly StreamResponse[]): StreamResponse[] {
    return events.map(({ payload }) => {
      if (payload?.$case !== 'artifactUpdate') return { payload };
      const { value } = payload;
      const rest = value.artifact === undefined ? null : this.#restOf(value.artifact);
      return rest === null
        ? { payload }
        : { payload: { ...payload, value: { ...value, artifact: rest, append: true } } };
    });
  }

  /** What is missing of the answer; null when what was sent is not its beginning, and it has to be told whole. */
  #restOf(artifact: Artifact): Artifact | null {
    const [first, ...others] = artifact.parts;
    if (artifact.artifactId !== ANSWER_ARTIFACT || this.#sent === '' || first?.content?.$case !== 'text') return null;
    const answer = first.content.value;
    if (!answer.startsWith(this.#sent)) return null;
    const rest = answer.slice(this.#sent.length);
    // An artifact has at least one part.
    return { ...artifact, parts: rest === '' && others.length > 0 ? others : [textPart(rest), ...others] };
  }

  #update(artifact: Artifact, how: { append: boolean; lastChunk: boolean }): TaskArtifactUpdateEvent {
    return { ...this.#place, artifact, ...how, metadata: undefined };
  }
}

const emptyArtifact: Artifact = {
  artifactId: ANSWER_ARTIFACT,
  name: ANSWER_ARTIFACT,
  description: '',
  parts: [],
  metadata: undefined,
  extensions: [],
};
