import { spawn } from 'node:child_process'

export interface CommandOptions {
  readonly directory: string
  /** Beside those of this process. */
  readonly variables: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

const LONGEST_OUTPUT = 16 * 1024
const LAST_WORDS_MS = 200

/** By `sh -c`: undefined when it ended with 0, else why not. Ended, with what it has started, when the signal is aborted. */
export function whyCommandFailed(
  command: string,
  { directory, variables, signal }: CommandOptions,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve('it took too long')
    // A group of its own, so that what it has started ends with it.
    const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    const child = spawn('env', [...set, 'sh', '-c', command], {
      cwd: directory,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    const hear = (text: string): void => {
      said = `${said}${text}`.slice(-LONGEST_OUTPUT)
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    signal.addEventListener('abort', end, { once: true })
    const tell = (code: number | null, by: NodeJS.Signals | null): void => {
      signal.removeEventListener('abort', end)
      const last = said.trim().split('\n').at(-1)
      if (code === 0) resolve(undefined)
      else if (signal.aborted) resolve('it took too long')
      else resolve(`it ended with ${code ?? by}${last ? `: ${last}` : ''}`)
    }
    child.on('error', (error) => resolve(error.message))
    child.on('close', tell)
    // What it left running in the background may keep the pipes open.
    child.on('exit', (code, by) => setTimeout(tell, LAST_WORDS_MS, code, by))
  })
}
