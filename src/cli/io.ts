import { homedir } from 'node:os'

/** The process's surroundings; nothing below the command line reads them itself. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Whether a person watches stderr, so that a line may be redrawn. */
  readonly isTerminal: boolean
  readonly columns: number
  readonly rows: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly setExitCode: (code: number) => void
}

/** Streams are opened when they are first used: most verbs use one of the two, and opening takes milliseconds. */
export function createIo(): Io {
  let isGuarded = false
  return {
    out(text) {
      if (text === '') return
      if (!isGuarded) process.stdout.on('error', endQuietly)
      isGuarded = true
      process.stdout.write(text)
    },
    err: (text) => void process.stderr.write(text),
    get isTerminal() {
      return process.stderr.isTTY === true && process.env.TERM !== 'dumb'
    },
    get columns() {
      // 0 where nobody has set the terminal's size.
      return process.stderr.columns || 80
    },
    get rows() {
      return process.stderr.rows || 24
    },
    env: process.env,
    home: homedir(),
    setExitCode: (code) => {
      process.exitCode = code
    },
  }
}

/** `ballast list | head` closes the pipe early, which is no failure. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}
