/** What the pages know of the mesh at their start. Owns: asking for it until it is there. */
import type { Surroundings, WorkflowShape } from '../../../wire.ts';
import { AskError, ask } from './source.ts';

const RETRY_MS = 2000;

class Known {
  version = $state('');
  chaos = $state(false);
  price = $state.raw<Surroundings['price']>(null);
  workflows = $state.raw<readonly WorkflowShape[]>([]);

  async begin(): Promise<void> {
    try {
      const { version, chaos, price = null, workflows } = await ask<Surroundings>('surroundings');
      Object.assign(this, { version, chaos, price, workflows });
    } catch (error) {
      if (!(error instanceof AskError)) throw error;
      setTimeout(() => void this.begin(), RETRY_MS);
    }
  }
}

export const surroundings = new Known();
