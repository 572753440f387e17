import { formatFigures } from '../render/lineage.ts'
import { formatMetadataChanges } from '../render/metadata.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

const SIGNS = { added: '+', removed: '-', changed: '~' } as const

export const verb = defineVerb<[string, string]>({
  usage: 'diff <ref> <other>',
  summary: 'show which files, figures and metadata differ between two versions',
  examples: ['ballast diff sentiment:1 sentiment:2'],
  async run(session, from, to) {
    const { diff } = await import('../../workflows/diff.ts')
    const result = await diff(await session.store(), [from, to])
    session.print(result, () => {
      const lines = result.changes.map(
        ({ path, change, before, after }) =>
          `${SIGNS[change]} ${path}   ${formatBytes(before)} -> ${formatBytes(after)}\n`,
      )
      const same = `${formatCount(result.same, 'file')} unchanged, ${formatBytes(result.newBytes)} new in ${result.to}\n`
      return `${lines.join('')}${same}${formatFigures(result)}${formatMetadataChanges(result.metadata, result)}`
    })
  },
})
