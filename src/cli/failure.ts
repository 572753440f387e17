import { BallastError, EXIT_CODES, explainSystemError, redact } from '../core/index.ts'
import type { Io } from './io.ts'

const EXIT_BUG = 1

/** Prints what, which and what to do, and sets the exit code. A stack trace only for bugs or with `--debug`. */
export function reportFailure(
  thrown: unknown,
  io: Io,
  { json, debug }: { json: boolean; debug: boolean },
): void {
  const error = explainSystemError(thrown)
  const known = error instanceof BallastError
  const code = known ? error.code : 'BUG'
  const exitCode = known ? EXIT_CODES[error.code] : EXIT_BUG
  const message = redact(error instanceof Error ? error.message : String(error))
  const hint = known
    ? error.hint && redact(error.hint)
    : 'this is a bug in Ballast; run it again with --debug and report what it prints'
  const details = known ? error.details : undefined
  if (json)
    io.out(`${JSON.stringify({ error: { code, message, ...(hint && { hint }), ...details } }, redacted)}\n`)
  else io.err(`ballast: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`)
  if (debug && thrown instanceof Error) io.err(`${redact(thrown.stack ?? '')}\n${causes(thrown)}`)
  io.setExitCode(exitCode)
}

function redacted(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? redact(value) : value
}

function causes(error: Error): string {
  return error.cause instanceof Error
    ? `caused by ${redact(error.cause.stack ?? '')}\n${causes(error.cause)}`
    : ''
}
