import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const BALLAST = join(REPOSITORY, 'bin', 'ballast.cjs')

/** A directory of its own with a store in it, and the processes that were started there; all gone after `close`. */
export interface Sandbox {
  readonly directory: string
  /** Runs `ballast` to its end. Throws with what it printed, unless `failing` says that it must fail. */
  readonly ballast: (
    args: readonly string[],
    options?: { readonly failing?: boolean },
  ) => Promise<{ readonly stdout: string; readonly stderr: string; readonly ms: number }>
  /** Starts a Node.js program that goes on, and waits for a line of its output that matches. */
  readonly start: (
    args: readonly string[],
    options: { readonly ready: RegExp; readonly env?: Readonly<Record<string, string>> },
  ) => Promise<Running>
  readonly close: () => Promise<void>
}

export interface Running {
  /** The match of `ready`. */
  readonly match: RegExpExecArray
  /** Lines of its output so far. */
  readonly lines: readonly string[]
  readonly stop: () => Promise<void>
}

export async function createSandbox(): Promise<Sandbox> {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-demo-'))
  const env = {
    ...process.env,
    HOME: directory,
    BALLAST_STORE: join(directory, 'store'),
    DOCKER_CONFIG: directory,
  }
  const children = new Set<ChildProcess>()

  async function ballast(
    args: readonly string[],
    { failing = false }: { readonly failing?: boolean } = {},
  ): Promise<{ stdout: string; stderr: string; ms: number }> {
    const started = performance.now()
    const child = spawn(process.execPath, [BALLAST, ...args], { cwd: directory, env })
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    const [code] = (await once(child, 'close')) as [number | null]
    const result = { stdout: await stdout, stderr: await stderr, ms: performance.now() - started }
    if ((code !== 0) === failing) return result
    throw new Error(`ballast ${args.join(' ')} ended with ${code}:\n${result.stdout}${result.stderr}`)
  }

  async function start(
    args: readonly string[],
    { ready, env: own = {} }: { readonly ready: RegExp; readonly env?: Readonly<Record<string, string>> },
  ): Promise<Running> {
    const child = spawn(process.execPath, [...args], { cwd: directory, env: { ...env, ...own } })
    children.add(child)
    const lines: string[] = []
    const match = await new Promise<RegExpExecArray>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        lines.push(
          ...chunk
            .toString()
            .split('\n')
            .filter((line) => line !== ''),
        )
        const found = ready.exec(lines.join('\n'))
        if (found !== null) resolve(found)
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('close', (code) =>
        reject(new Error(`${args.join(' ')} ended with ${code}:\n${lines.join('\n')}`)),
      )
    })
    return { match, lines, stop: () => stop(child) }
  }

  async function stop(child: ChildProcess): Promise<void> {
    children.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    await closed
  }

  return {
    directory,
    ballast,
    start,
    async close() {
      await Promise.all([...children].map(stop))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

export const BALLAST_COMMAND = BALLAST
