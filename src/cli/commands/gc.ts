import { cacheDirectory } from '../cache-directory.ts'
import { engineChoice } from '../engine-choice.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[{ dryRun?: boolean }]>({
  usage: 'gc',
  summary: 'free the space of what no tag or version needs any more',
  options: [['--dry-run', 'only say what would be removed']],
  examples: ['ballast gc --dry-run', 'ballast gc'],
  async run(session, options) {
    const store = await session.store()
    if (options.dryRun !== true) {
      const { collectTrees } = await import('../../workflows/run-trees-unused.ts')
      const places = { engine: engineChoice(session.io), cacheDirectory: cacheDirectory(session.io) }
      for (const warning of await collectTrees(store, places, session)) session.note(`warning: ${warning}`)
    }
    const report = await store.gc({ signal: session.signal, dryRun: options.dryRun === true })
    const verb = options.dryRun === true ? 'would remove' : 'removed'
    session.print(
      report,
      () =>
        `${verb} ${formatCount(report.removed.length, 'blob')}, ${formatBytes(report.removedBytes)}; kept ${report.kept}\n`,
    )
  },
})
