import { createRandom } from '../fixtures/random.ts'
import { killInCrowd, measureCrowd } from './crowd.ts'
import { type PhaseReport, summaryOf } from './report.ts'

export const CROWDS = 'crowd of eight'

/** Killed in one crowd at most. */
const MOST_KILLS = 4

export interface KillsInCrowds {
  readonly jobs: readonly (() => Promise<void>)[]
  readonly report: PhaseReport
  /** How often a verb was at work while a `gc` was, in how many crowds; 0 for one that never was. */
  readonly besideGc: Readonly<Record<string, number>>
  readonly lines: () => readonly string[]
}

/** Crowds in which so many are killed, all of them together. What is reported grows while the jobs run. */
export async function killsInCrowds(seed: string, count: number): Promise<KillsInCrowds> {
  const measure = await measureCrowd(seed)
  const report = { phase: CROWDS, kills: 0, tooLate: 0 }
  const besideGc: Record<string, number> = Object.fromEntries(measure.verbs.map((verb) => [verb, 0]))
  const jobs = killsOfEach(seed, count).map((kills, turn) => async (): Promise<void> => {
    try {
      const found = await killInCrowd({ seed, turn, kills }, measure)
      report.kills += found.kills
      report.tooLate += found.tooLate
      for (const verb of new Set(found.besideGc)) besideGc[verb] = (besideGc[verb] ?? 0) + 1
    } catch (error) {
      const why = error instanceof Error ? error.message : error
      throw new Error(`crowd ${turn} with seed ${seed}: ${why}`, { cause: error })
    }
  })
  const pairs = (): string =>
    Object.entries(besideGc)
      .map(([verb, times]) => `${verb} ${times}`)
      .join(', ')
  const lines = (): readonly string[] => [
    `${summaryOf(report)} (${jobs.length} crowds)`,
    `beside gc, in so many of the crowds: ${pairs()}`,
  ]
  return { jobs, report, besideGc, lines }
}

function killsOfEach(seed: string, count: number): readonly number[] {
  const random = createRandom(`${seed}:crowds`)
  const kills: number[] = []
  for (let left = count; left > 0; left -= kills.at(-1) as number)
    kills.push(Math.min(left, 1 + random.below(MOST_KILLS)))
  return kills
}
