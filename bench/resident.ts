import { readFile } from 'node:fs/promises'
import { median } from './harness.ts'

const PERIOD_MS = 1000

export interface Growth {
  /** Medians of each quarter of the time, in MiB. */
  readonly quarters: readonly number[]
  /** Of the last one above the highest before: what goes up and down again has not grown. */
  readonly percent: number
}

/** Samples the resident memory of processes, by name, until it is told to stop. */
export function watchResident(
  pids: Readonly<Record<string, number>>,
): () => Readonly<Record<string, Growth>> {
  const samples = new Map(Object.keys(pids).map((name) => [name, [] as number[]]))
  const sample = async (): Promise<void> => {
    for (const [name, pid] of Object.entries(pids)) samples.get(name)?.push(await residentMiB(pid))
  }
  const timer = setInterval(() => void sample(), PERIOD_MS)
  return () => {
    clearInterval(timer)
    return Object.fromEntries([...samples].map(([name, values]) => [name, growthOf(values)]))
  }
}

function growthOf(samples: readonly number[]): Growth {
  const length = Math.floor(samples.length / 4)
  const quarters = [0, 1, 2, 3].map((quarter) =>
    median(samples.slice(quarter * length, (quarter + 1) * length)),
  )
  const percent = ((quarters[3] ?? 0) / Math.max(...quarters.slice(0, 3)) - 1) * 100
  return { quarters, percent }
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}
