import { homedir } from 'node:os'

/** The process's surroundings; nothing below the command line reads them itself. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether a person watches stderr, so that a line may be redrawn. */
  readonly isTerminal: boolean
  readonly columns: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly setExitCode: (code: number) => void
}

export function createIo(): Io {
  // `ballast list | head` closes the pipe early, which is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    columns: process.stderr.columns ?? 80,
    env: process.env,
    home: homedir(),
    setExitCode: (code) => {
      process.exitCode = code
    },
  }
}
