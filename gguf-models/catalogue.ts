/**
 * Models that work well with the mesh. Owns: the list. Does not own: fetching them.
 *
 * All are under licences that allow any use. Sizes are rounded and only help to choose: the exact size and the checksum
 * come from the server at the time of fetching, and are kept beside the file (docs/models.md says what that guards
 * against).
 */

export interface CatalogueModel {
  /** What `mesh models pull` is given. */
  readonly name: string;
  readonly purpose: 'chat' | 'embedding';
  readonly what: string;
  readonly url: string;
  /** About, bytes. */
  readonly bytes: number;
  readonly licence: string;
  /** When it is known for certain. */
  readonly sha256?: string;
}

const MB = 1_000_000;

export const catalogue: readonly CatalogueModel[] = [
  {
    name: 'qwen2.5-0.5b',
    purpose: 'chat',
    what: 'the smallest that answers; for trying things out',
    url: 'https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/main/qwen2.5-0.5b-instruct-q4_k_m.gguf',
    bytes: 490 * MB,
    licence: 'Apache-2.0',
  },
  {
    name: 'qwen2.5-coder-1.5b',
    purpose: 'chat',
    what: 'code and answers on two to four cores',
    url: 'https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf',
    bytes: 1120 * MB,
    licence: 'Apache-2.0',
  },
  {
    name: 'qwen2.5-coder-7b',
    purpose: 'chat',
    what: 'better code; for eight cores or a graphics card',
    url: 'https://huggingface.co/Qwen/Qwen2.5-Coder-7B-Instruct-GGUF/resolve/main/qwen2.5-coder-7b-instruct-q4_k_m.gguf',
    bytes: 4680 * MB,
    licence: 'Apache-2.0',
  },
  {
    name: 'all-minilm-l6-v2',
    purpose: 'embedding',
    what: 'search by meaning, in English, quick on a processor (EMBEDDING_MODEL_PATH)',
    url: 'https://huggingface.co/leliuga/all-MiniLM-L6-v2-GGUF/resolve/main/all-MiniLM-L6-v2.Q8_0.gguf',
    bytes: 25 * MB,
    licence: 'Apache-2.0',
  },
  {
    name: 'nomic-embed-v1.5',
    purpose: 'embedding',
    what: 'search by meaning, longer passages, several times slower (EMBEDDING_MODEL_PATH)',
    url: 'https://huggingface.co/nomic-ai/nomic-embed-text-v1.5-GGUF/resolve/main/nomic-embed-text-v1.5.Q8_0.gguf',
    bytes: 146 * MB,
    licence: 'Apache-2.0',
  },
];
