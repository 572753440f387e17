import { EXIT_CODES } from '../../core/index.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[]>({
  usage: 'verify',
  summary: 'hash every stored byte again and say what is damaged or missing',
  examples: ['ballast verify'],
  async run(session) {
    const { verify } = await import('../../workflows/upkeep.ts')
    const report = await verify(await session.store(), session)
    for (const warning of report.warnings) session.note(`warning: ${warning}`)
    session.print(report, () => {
      const summary = `${formatCount(report.blobs, 'blob')}, ${formatBytes(report.bytes)} read: `
      if (report.problems.length === 0) return `${summary}everything is as it was added\n`
      const lines = report.problems.map(
        ({ kind, digest, neededBy, mend }) =>
          `  ${kind} ${digest}\n    needed by ${neededBy.join(', ') || 'nothing'}\n    ${mend}\n`,
      )
      return `${summary}${formatCount(report.problems.length, 'problem')}\n${lines.join('')}`
    })
    if (report.problems.length > 0) session.io.setExitCode(EXIT_CODES.DAMAGED)
  },
})
