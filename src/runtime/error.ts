/**
 * `MISSING`: nothing, or no directory, at the path. `EMPTY`: a directory or target without a model.
 * `DAMAGED`: Ballast's own files there cannot be used. `AMBIGUOUS`: several models, and none or another one is named.
 */
export type ModelErrorCode = 'MISSING' | 'EMPTY' | 'DAMAGED' | 'AMBIGUOUS'

/** Why there is no model to load; the message names the path, what was found there and what to do. */
export class ModelError extends Error {
  readonly code: ModelErrorCode
  readonly path: string

  constructor(code: ModelErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ModelError'
    this.code = code
    this.path = path
  }
}

/** The `code` of a failed system call (`ENOENT`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
