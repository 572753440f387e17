import { BallastError, createQueue, diskUsage } from '../../core/index.ts'
import type { DiskMeasure } from './metrics.ts'

export interface DiskBudget {
  /**
   * Sets so many bytes aside for the holder until it is settled. What nobody needs is removed first; throws DISK where that is
   * not enough.
   */
  readonly admit: (holder: string, bytes: number) => Promise<void>
  /** What was set aside has been written, or will not be. */
  readonly settle: (holder: string) => void
  readonly measure: () => Promise<DiskMeasure>
}

export interface DiskBudgetOptions {
  /** In bytes; without it everything is admitted. */
  readonly budget: number | undefined
  /** Directories that count. */
  readonly places: () => readonly string[]
  /** Removes what nobody needs. */
  readonly makeRoom: () => Promise<void>
}

export function createDiskBudget({ budget, places, makeRoom }: DiskBudgetOptions): DiskBudget {
  const setAside = new Map<string, number>()
  // One after the other: what one has found free is taken when the next one looks.
  const inTurn = createQueue()
  const missing = async (bytes: number): Promise<number> => {
    const others = [...setAside.values()].reduce((sum, one) => sum + one, 0)
    return (await diskUsage(places())) + others + bytes - (budget ?? Number.POSITIVE_INFINITY)
  }
  return {
    admit: (holder, bytes) =>
      inTurn(async () => {
        setAside.delete(holder)
        if (budget !== undefined && (await missing(bytes)) > 0) {
          await makeRoom()
          const lacking = await missing(bytes)
          if (lacking > 0) throw beyond(bytes, { lacking, budget })
        }
        setAside.set(holder, bytes)
      }),
    settle: (holder) => void setAside.delete(holder),
    measure: async () => ({ used: await diskUsage(places()), budget }),
  }
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
