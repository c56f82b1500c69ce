/** Before the suite: the models are there. */
import { fetchModels } from './models.ts';

export function setup(): void {
  fetchModels();
}
