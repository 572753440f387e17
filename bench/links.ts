import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Measured } from './bench.ts'
import type { Row } from './table.ts'

const SHAPED = fileURLToPath(new URL('./shaped-link.ts', import.meta.url))

export interface Link {
  /** Where the server listens that it leads to. */
  readonly port: number
  /** MB/s of each connection. */
  readonly rate: string
  /** Milliseconds of a round trip. */
  readonly latency: string
}

/** A link of a process of its own, which is there while `work` is. */
export async function withShapedLink<T>(
  { port, rate, latency }: Link,
  work: (port: number) => Promise<T>,
): Promise<T> {
  const child = spawn(process.execPath, [SHAPED, `${port}`, `${Number(rate) * 1e6}`, latency], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the link has ended')))
    const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string]
    return await work(Number(line))
  } finally {
    child.kill('SIGKILL')
  }
}

/** The same race over links that limit each connection, and without a limit; with a bound of the column that is a ratio. */
export async function overBothLinks<Column extends string>(
  link: Link,
  {
    ratio,
    what,
    measure,
  }: {
    readonly ratio: Column
    readonly what: string
    readonly measure: (port: number) => Promise<Row & Readonly<Record<Column, number>>>
  },
): Promise<Measured> {
  const limited = await withShapedLink(link, measure)
  const unlimited = await measure(link.port)
  const named = `${link.rate} MB/s and ${link.latency} ms each connection`
  return {
    rows: [
      { link: named, ...limited },
      { link: 'unlimited', ...unlimited },
    ],
    bounds: [
      { what: `${what}, ${named}`, value: limited[ratio], atMost: 1.11 },
      { what: `${what}, unlimited`, value: unlimited[ratio], atMost: 1.25 },
    ],
  }
}
