/** Every kind of failure that a user can meet, with the exit code of the command (design 6). */
export const EXIT_CODES = {
  USAGE: 2,
  NOT_FOUND: 3,
  REFUSED: 4,
  DAMAGED: 4,
  CONFLICT: 5,
  LOCKED: 5,
  REMOTE: 6,
  UNAUTHORIZED: 6,
  DISK: 7,
  INTERRUPTED: 130,
} as const

export type ErrorCode = keyof typeof EXIT_CODES

export interface BallastErrorOptions {
  /** What to do next: a command or one sentence. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** Whether the same call may succeed when it is made again. */
  readonly retryable?: boolean
  /** For `--json`: what the message tells in words. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

/** A failure explained to the user. Anything else that is thrown is a bug. */
export class BallastError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message: string, options: BallastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BallastError'
    this.code = code
    this.hint = options.hint
    this.retryable = options.retryable ?? false
    this.details = options.details
  }
}

export function isBallastError(error: unknown, code?: ErrorCode): error is BallastError {
  return error instanceof BallastError && (code === undefined || error.code === code)
}

/** The `code` of a failed system call (`ENOENT`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  const code = systemCode(error)
  return code !== undefined && codes.includes(code)
}

const DISK_FAILURES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'the disk reports an input/output error',
  EMFILE: 'too many open files',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ENAMETOOLONG: 'the name is too long for the file system',
  ELOOP: 'too many symbolic links',
  ENOENT: 'no such file or directory',
}

/** What the user can do about it, where the failure itself tells. */
const DISK_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space (ballast gc), then run the command again',
  EDQUOT: 'free some space (ballast gc), or ask for more, then run the command again',
  EROFS: 'make that file system writable, or name another place',
  EACCES: 'run the command as a user who may, or have the permissions changed',
  EPERM: 'run the command as the owner of the file, or name another place',
  EIO: 'look into the system log and check the disk; `ballast verify` shows what is damaged',
  EMFILE: 'raise the limit of open files (ulimit -n), then run the command again',
}

/** A BallastError for a failed call to the file system, which names the path; any other error unchanged. */
export function explainSystemError(error: unknown): unknown {
  const code = systemCode(error)
  if (isBallastError(error) || code === undefined || !(code in DISK_FAILURES || isFileCall(error)))
    return error
  const { path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string }
  const why = DISK_FAILURES[code] ?? 'the file system refuses it'
  const where = [path, dest].filter((place) => place !== undefined).join(' -> ')
  const message = `${where === '' ? '' : `${where}: `}${why} (${code})`
  return new BallastError('DISK', message, { cause: error, hint: DISK_HINTS[code] })
}

/** Calls on an open file: a failure of theirs names no path, so this one is put in. */
export async function named<T>(path: string, calls: () => Promise<T>): Promise<T> {
  try {
    return await calls()
  } catch (error) {
    if (systemCode(error) !== undefined && !('path' in (error as Error)))
      Object.assign(error as Error, { path })
    throw error
  }
}

/** Calls to the network and of processes are explained where they are made. */
function isFileCall(error: unknown): boolean {
  const syscall = error instanceof Error && 'syscall' in error ? String(error.syscall) : 'connect'
  return !/^(?:connect|bind|listen|getaddrinfo|spawn|kill)/.test(syscall)
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new BallastError('INTERRUPTED', 'interrupted', { cause: signal.reason })
}
