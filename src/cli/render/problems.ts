import type { BrokenRecord } from '../../store/index.ts'
import type { MendableProblem } from '../../workflows/upkeep.ts'

/** Lines of `verify`: a blob that is not as it was added. */
export function formatProblem({ kind, digest, neededBy, mend }: MendableProblem): string {
  return `  ${kind} ${digest}\n    needed by ${neededBy.join(', ') || 'nothing'}\n    ${mend}\n`
}

export function formatBroken({ path, why }: BrokenRecord): string {
  return `  history ${path} ${why}\n    what has happened there is not what is written: restore the file from a backup\n`
}
