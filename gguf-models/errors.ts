/**
 * What is wrong with a model or with the library that runs it. Owns: the codes and the words. Does not own: what is done
 * about it.
 */

export type ModelErrorCode =
  /** There is no file of that name. */
  | 'model_missing'
  /** The file is there and cannot be read: a folder, or no permission. */
  | 'model_unreadable'
  | 'model_empty'
  /** Shorter than its own header says: a download or copy that did not end. */
  | 'model_truncated'
  /** Not GGUF, or a header that contradicts itself. */
  | 'model_foreign'
  /** GGUF, of a version or architecture that is not supported here. */
  | 'model_unsupported'
  /** llama.cpp refused it. */
  | 'model_refused'
  /** Loading it ended the process again and again. */
  | 'model_crashes'
  /** It fits neither the memory nor the cap. */
  | 'model_too_large'
  /** llama.cpp itself cannot be loaded on this machine. */
  | 'llama_unavailable';

/** The message is one line that names the file and says what to do. Another try gives the same. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  readonly code: ModelErrorCode;
  readonly retryable = false;

  constructor(code: ModelErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
