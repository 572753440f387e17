import { EXIT_CODES } from '../core/index.ts'
import { repair } from '../workflows/repair.ts'
import { imageAccess } from './image-access.ts'
import type { RegistryOptions } from './registry-options.ts'
import { formatBroken, formatProblem } from './render/problems.ts'
import { formatBytes, formatCount } from './render/text.ts'
import type { Session } from './session.ts'
import { sourceAccess } from './source-access.ts'

export interface RepairOptions extends RegistryOptions {
  readonly from?: readonly string[]
}

/** `verify --repair`: what could be had again is no failure any more. */
export async function repairStore(session: Session, options: RepairOptions): Promise<void> {
  const { io } = session
  const access = { images: imageAccess(io, options), sources: sourceAccess(io) }
  const result = await repair(await session.store(), { from: options.from ?? [], access }, session)
  for (const warning of result.warnings) session.note(`warning: ${warning}`)
  const { broken } = result.histories
  const left = result.problems.length + broken.length
  session.print(result, () => {
    const { blobs, bytes, mended, problems } = result
    const summary = `${formatCount(blobs, 'blob')}, ${formatBytes(bytes)} read: `
    if (left === 0 && mended.length === 0) return `${summary}everything is as it was added\n`
    const done = mended.map(
      ({ kind, digest, neededBy, from }) =>
        `  mended ${digest}, which was ${kind}\n    needed by ${neededBy.join(', ')}\n    had again from ${from}\n`,
    )
    const failed = problems.map((problem) => {
      const tried = problem.tried.map(({ from, why }) => `    not from ${from}: ${why}\n`)
      return `${formatProblem(problem)}${tried.join('')}`
    })
    const counts = `${mended.length} mended, ${formatCount(left, 'problem')} left`
    return `${summary}${counts}\n${[...done, ...failed, ...broken.map(formatBroken)].join('')}`
  })
  if (left > 0) session.io.setExitCode(EXIT_CODES.DAMAGED)
}
