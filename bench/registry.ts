import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { BALLAST } from './harness.ts'

export interface BallastRegistry {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly pid: number
  readonly close: () => Promise<void>
}

/** `ballast serve --registry`, as it is installed, over a store. */
export async function startBallastRegistry(
  store: string,
  options: readonly string[] = [],
): Promise<BallastRegistry> {
  const fixed = ['serve', '--registry', '--listen', '127.0.0.1:0', '--json', '--store', store]
  const child = spawn(process.execPath, [BALLAST, ...fixed, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url } = JSON.parse(line) as { url: string }
  return { url, pid: pidOf(child), close: () => end(child) }
}

export function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('a server did not start')
  return pid
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill()
  await ended
}
