import { sep } from 'node:path'
import { BallastError, createQueue, diskUsage } from '../../core/index.ts'
import type { DiskMeasure } from './metrics.ts'

export interface DiskBudget {
  /**
   * Sets so many bytes aside for the holder until it is settled, and a little for what is written beside them. What nobody needs is
   * removed first; throws DISK where that is not enough.
   */
  readonly admit: (holder: string, bytes: number) => Promise<void>
  /** What was set aside has been written, or will not be. */
  readonly settle: (holder: string) => void
  readonly measure: () => Promise<DiskMeasure>
}

export interface DiskBudgetOptions {
  /** In bytes; without it everything is admitted. */
  readonly budget: number | undefined
  /** Directories that count, each file once, also where one is named twice or stands in another. */
  readonly places: () => readonly string[]
  /** Removes what nobody needs. */
  readonly makeRoom: () => Promise<void>
}

/** For what is written beside a version's files: records, notes of who has it, what is remembered of it. In bytes. */
const BESIDE_FILES = 128 * 1024

export function createDiskBudget({ budget, places, makeRoom }: DiskBudgetOptions): DiskBudget {
  const setAside = new Map<string, number>()
  // One after the other: what one has found free is taken when the next one looks.
  const inTurn = createQueue()
  const used = (): Promise<number> => diskUsage(outermost(places()))
  const missing = async (bytes: number): Promise<number> => {
    const others = [...setAside.values()].reduce((sum, one) => sum + one, 0)
    return (await used()) + others + bytes - (budget ?? Number.POSITIVE_INFINITY)
  }
  return {
    admit: (holder, fileBytes) =>
      inTurn(async () => {
        const bytes = fileBytes + BESIDE_FILES
        setAside.delete(holder)
        if (budget !== undefined && (await missing(bytes)) > 0) {
          await makeRoom()
          const lacking = await missing(bytes)
          if (lacking > 0) throw beyond(fileBytes, { lacking, budget })
        }
        setAside.set(holder, bytes)
      }),
    settle: (holder) => void setAside.delete(holder),
    measure: async () => ({ used: await used(), budget }),
  }
}

function outermost(places: readonly string[]): readonly string[] {
  const all = [...new Set(places)]
  return all.filter((place) => !all.some((other) => place.startsWith(`${other}${sep}`)))
}

function beyond(
  bytes: number,
  { lacking, budget }: { readonly lacking: number; readonly budget: number },
): BallastError {
  return new BallastError(
    'DISK',
    `${bytes} bytes are needed, ${lacking} more than are left of the ${budget} that store and targets may take`,
    {
      hint: 'what is delivered stays; raise --max-disk, or let fewer former versions stay (keep, grace)',
      retryable: true,
    },
  )
}
