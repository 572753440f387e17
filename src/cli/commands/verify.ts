import { EXIT_CODES } from '../../core/index.ts'
import type { BrokenRecord } from '../../store/index.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[]>({
  usage: 'verify',
  summary: 'hash every stored byte again, follow every history, and say what is damaged or missing',
  examples: ['ballast verify'],
  async run(session) {
    const { verify } = await import('../../workflows/upkeep.ts')
    const report = await verify(await session.store(), session)
    for (const warning of report.warnings) session.note(`warning: ${warning}`)
    const { broken } = report.histories
    const found = report.problems.length + broken.length
    session.print(report, () => {
      const summary = `${formatCount(report.blobs, 'blob')}, ${formatBytes(report.bytes)} read: `
      if (found === 0) return `${summary}everything is as it was added\n`
      const lines = report.problems.map(
        ({ kind, digest, neededBy, mend }) =>
          `  ${kind} ${digest}\n    needed by ${neededBy.join(', ') || 'nothing'}\n    ${mend}\n`,
      )
      return `${summary}${formatCount(found, 'problem')}\n${lines.join('')}${broken.map(describeBroken).join('')}`
    })
    if (found > 0) session.io.setExitCode(EXIT_CODES.DAMAGED)
  },
})

function describeBroken({ path, why }: BrokenRecord): string {
  return `  history ${path} ${why}\n    what has happened there is not what is written: restore the file from a backup\n`
}
