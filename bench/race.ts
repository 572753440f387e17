import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { median, rotated, settle, timed } from './harness.ts'

/** What `measure` says of each, `runs` times; they take turns in changing order. */
export async function turns<Name extends string, Figure>(
  names: readonly Name[],
  {
    runs,
    measure,
  }: { readonly runs: number; readonly measure: (name: Name, turn: number) => Promise<Figure> },
): Promise<Record<Name, Figure[]>> {
  const figures = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Figure[]>
  for (let turn = 0; turn < runs; turn++) {
    for (const name of rotated(names, turn)) figures[name].push(await measure(name, turn))
  }
  return figures
}

export interface Race {
  readonly runs: number
  /** Before each, and not measured. */
  readonly before: () => Promise<void>
}

/** Milliseconds of each, the median. */
export async function race<Name extends string>(
  competitors: Readonly<Record<Name, () => Promise<unknown>>>,
  { runs, before }: Race,
): Promise<Record<Name, number>> {
  const names = Object.keys(competitors) as Name[]
  const times = await turns(names, {
    runs,
    async measure(name) {
      await before()
      return (await timed(competitors[name])).ms
    },
  })
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<Name, number>
}

export interface CopyRace {
  /** Each of them writes to `to` in it, which is not there when it starts. */
  readonly directory: string
  /** Of what each moves, in bytes. */
  readonly size: number
  readonly runs: number
}

/** MB/s of each, of 10^6 bytes, the median. */
export async function copyRace<Name extends string>(
  competitors: Readonly<Record<Name, () => Promise<unknown>>>,
  { directory, size, runs }: CopyRace,
): Promise<Record<Name, number>> {
  const empty = (): Promise<void> => rm(join(directory, 'to'), { recursive: true, force: true })
  const times = await race(competitors, {
    runs,
    async before() {
      await empty()
      await settle(directory)
    },
  })
  await empty()
  const speeds = Object.entries<number>(times).map(([name, ms]) => [name, size / 1e3 / ms])
  return Object.fromEntries(speeds) as Record<Name, number>
}
