import { cacheDirectory } from '../cache-directory.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface GcOptions {
  readonly dryRun?: boolean
  readonly grace?: string
  readonly partials?: boolean
}

export const verb = defineVerb<[string | undefined, GcOptions]>({
  usage: 'gc [remote]',
  summary: 'free the space of what no tag or version needs any more',
  details:
    'REMOTE is the place in a bucket below which models are (s3://BUCKET/PATH): what nothing leads to there goes once it is\n' +
    'older than the grace time, in which others may still read it. Without one, the store is meant: there, downloads that\n' +
    'broke off stay for a week, for the command that takes them up again.',
  options: [
    ['--dry-run', 'only say what would be removed'],
    ['--partials', 'also downloads that broke off lately'],
    ['--grace <time>', 'of a remote: how long what was given up stays, as 90m, 24h or 7d (default: 24h)'],
  ],
  examples: ['ballast gc --dry-run', 'ballast gc', 'ballast gc s3://models/team --grace 7d'],
  async run(session, remote, options) {
    if (remote !== undefined) {
      const { bucketGc } = await import('../../workflows/bucket-gc.ts')
      const { signal, io } = session
      print(session, options, await bucketGc(remote, { ...options, access: imageAccess(io), signal }))
      return
    }
    const store = await session.store()
    if (options.dryRun !== true) {
      const { collectTrees } = await import('../../workflows/run-trees-unused.ts')
      const places = { engine: engineChoice(session.io), cacheDirectory: cacheDirectory(session.io) }
      for (const warning of await collectTrees(store, places, session)) session.note(`warning: ${warning}`)
    }
    const { dryRun = false, partials = false } = options
    const report = await store.gc({ signal: session.signal, dryRun, partials })
    print(session, options, report)
  },
})

function print({ print }: Session, { dryRun }: GcOptions, report: Collected): void {
  const verb = dryRun === true ? 'would remove' : 'removed'
  const { removed, removedBytes, kept, partials = 0, partialBytes = 0 } = report
  const downloads =
    partials === 0
      ? ''
      : `${verb} ${formatCount(partials, 'download')} that broke off, ${formatBytes(partialBytes)}\n`
  print(
    report,
    () =>
      `${verb} ${formatCount(removed.length, 'blob')}, ${formatBytes(removedBytes)}; kept ${kept}\n${downloads}`,
  )
}

interface Collected {
  readonly removed: readonly unknown[]
  readonly removedBytes: number
  readonly kept: number
  readonly partials?: number
  readonly partialBytes?: number
}
