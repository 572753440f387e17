import { imageAccess } from '../image-access.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatFigures } from '../render/lineage.ts'
import { formatMetadataChanges } from '../render/metadata.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

const SIGNS = { added: '+', removed: '-', changed: '~' } as const

export const verb = defineVerb<[string, string, RegistryOptions]>({
  usage: 'diff <ref> <other>',
  summary: 'show which files, figures and metadata differ between two versions',
  details:
    'Either may be in a registry, a bucket or a layout: then its manifest is read, and no large file is fetched.',
  options: REGISTRY_OPTIONS,
  examples: [
    'ballast diff sentiment:1 sentiment:2',
    'ballast diff sentiment:prod registry.example/team/sentiment:prod',
  ],
  async run(session, from, to, options) {
    const { diff } = await import('../../workflows/diff.ts')
    const access = imageAccess(session.io, options)
    const result = await diff(await session.store(), [from, to], { access, signal: session.signal })
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
