/**
 * The text of a task as it appears. Owns: following `mesh.tokens.<task>` and waiting for pieces. Does not own: what is
 * written.
 */
import type { Bus } from '../../bus/port.ts';
import { tokenSubject } from '../../schemas/events/subjects.ts';
import { Changes } from './changes.ts';

export interface TokenPiece {
  readonly attempt: number;
  readonly number: number;
  readonly text: string;
}

const PIECE_LIMIT_MS = 60_000;

export class TokenWatch {
  readonly pieces: TokenPiece[] = [];
  readonly #changes = new Changes();

  constructor(bus: Bus, task: string) {
    bus.subscribeVolatile(tokenSubject(task), (_subject, data) => {
      this.pieces.push(JSON.parse(Buffer.from(data).toString('utf8')) as TokenPiece);
      this.#changes.tell();
    });
  }

  /** Resolves when so many pieces were seen. */
  atLeast(count: number): Promise<void> {
    return this.#changes
      .until(
        () => (this.pieces.length >= count ? true : undefined),
        PIECE_LIMIT_MS,
        () => `${this.pieces.length} of ${count} pieces of text were seen`,
      )
      .then(() => undefined);
  }

  /** Pieces by the generation they belong to: a number that does not follow begins the next one. */
  runs(): TokenPiece[][] {
    const runs: TokenPiece[][] = [];
    for (const piece of this.pieces) {
      const last = runs.at(-1)?.at(-1);
      if (last !== undefined && piece.attempt === last.attempt && piece.number === last.number + 1)
        runs.at(-1)?.push(piece);
      else runs.push([piece]);
    }
    return runs;
  }
}
