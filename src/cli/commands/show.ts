import { formatSummary, formatsOfFiles, formatWarnings } from '../render/description.ts'
import { formatLineage, formatMetrics } from '../render/lineage.ts'
import { formatAge, formatBytes, formatCount, formatDigest, formatTable } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string]>({
  usage: 'show <ref>',
  summary: 'show one version: what it is, its files, tags and where it came from',
  examples: ['ballast show sentiment:prod', 'ballast show sentiment:3 --json'],
  async run(session, ref) {
    const { show } = await import('../../workflows/show.ts')
    const shown = await show(await session.store(), ref)
    session.print(shown, () => {
      const formatOf = formatsOfFiles(shown.description)
      const own = formatOf === undefined ? [] : ['FORMAT']
      return (
        `${shown.model}:${shown.number}   ${shown.digest}\n` +
        `tags: ${shown.tags.join(', ') || 'none'}\n` +
        `added: ${formatAge(shown.added)} (${shown.added}) from ${shown.from}\n` +
        `${formatLineage(shown.lineage)}${formatMetrics(shown.metrics)}` +
        `${formatSummary(shown.description)}\n` +
        `${formatCount(shown.files.length, 'file')}, ${formatBytes(shown.bytes)}\n` +
        `${formatWarnings(shown.description)}\n` +
        formatTable(
          ['FILE', 'SIZE', 'DIGEST', ...own],
          shown.files.map(({ path, size, digest }) => [
            path,
            formatBytes(size),
            formatDigest(digest),
            ...(formatOf === undefined ? [] : [formatOf(path)]),
          ]),
          [1],
        )
      )
    })
  },
})
