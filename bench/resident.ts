import { readFile } from 'node:fs/promises'
import { median } from './harness.ts'

const PERIOD_MS = 1000

export interface Growth {
  /** Medians of the second and of the last quarter of the time, in MiB. */
  readonly before: number
  readonly after: number
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

/** A process that has just begun takes what it needs in its first quarter. */
function growthOf(samples: readonly number[]): Growth {
  const quarter = Math.floor(samples.length / 4)
  const before = median(samples.slice(quarter, 2 * quarter))
  const after = median(samples.slice(3 * quarter))
  return { before, after, percent: (after / before - 1) * 100 }
}

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}
