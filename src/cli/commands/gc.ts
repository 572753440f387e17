import { BallastError } from '../../core/index.ts'
import type { RetentionPolicy } from '../../store/index.ts'
import type { GcResult } from '../../workflows/gc.ts'
import { cacheDirectory } from '../cache-directory.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { formatPolicy, formatRetention } from '../render/retention.ts'
import { formatBytes, formatCount } from '../render/text.ts'
import { type RetentionOptions, readRetention } from '../retention-options.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface GcOptions extends RetentionOptions {
  readonly dryRun?: boolean
  readonly grace?: string
  readonly partials?: boolean
  readonly lock?: boolean
  readonly policy?: boolean
  readonly setPolicy?: boolean
  readonly unsetPolicy?: boolean
}

export const verb = defineVerb<[string | undefined, GcOptions]>({
  usage: 'gc [remote]',
  summary: 'free the space of what no tag or version needs any more',
  details:
    'REMOTE is the place in a bucket below which models are (s3://BUCKET/PATH): what nothing leads to there goes once it is\n' +
    'older than the grace time, in which others may still read it. Without one, the store is meant: there, downloads that\n' +
    'broke off stay for a week, for the command that takes them up again.\n' +
    'Versions go only where --keep-last, --keep-within or --budget say so: those that neither of the first two keeps, and with\n' +
    'a budget only as many of them as it takes, the oldest first. The newest of each model stays, and whatever a tag (and a\n' +
    'rollback of it), a command at work, an image of the store, a target or volume that still has it, or a container holds.\n' +
    'In a bucket tags alone hold versions, and their bytes stay for the grace time.',
  options: [
    ['--dry-run', 'only say what would be removed, and why the rest stays'],
    ['--keep-last <count>', 'keep so many versions of each model'],
    ['--keep-within <time>', 'keep what was added since, as 30d or 12h'],
    ['--budget <size>', 'remove only until the stored files take no more than this, as 500GiB'],
    ['--policy', 'by the policy that is kept with the store'],
    [
      '--set-policy',
      'keep these options with the store, for --policy and `ballast serve --gc`, and remove nothing now',
    ],
    ['--unset-policy', 'forget that policy'],
    ['--partials', 'also downloads that broke off lately'],
    ['--grace <time>', 'of a remote: how long what was given up stays, as 90m, 24h or 7d (default: 24h)'],
    LOCK_OPTION,
  ],
  examples: [
    'ballast gc --dry-run',
    'ballast gc',
    'ballast gc --keep-last 5 --keep-within 30d --dry-run',
    'ballast gc --keep-last 2 --budget 500GiB',
    'ballast gc --set-policy --keep-last 5',
    'ballast gc s3://models/team --grace 7d',
    'ballast gc s3://models/team --keep-last 10',
  ],
  async run(session, remote, options) {
    const named = await readRetention(options)
    const { dryRun = false, partials = false } = options
    if (remote !== undefined) {
      refuseForRemote(options)
      const { bucketGc } = await import('../../workflows/bucket-gc.ts')
      const { signal, io } = session
      const access = { ...imageAccess(io), lock: options.lock }
      const { grace } = options
      print(session, dryRun, await bucketGc(remote, { policy: named, dryRun, grace, access, signal }))
      return
    }
    if (options.setPolicy === true || options.unsetPolicy === true) return setPolicy(session, named, options)
    const { gc } = await import('../../workflows/gc.ts')
    const places = { engine: engineChoice(session.io), cacheDirectory: cacheDirectory(session.io) }
    const policy = options.policy === true ? 'stored' : named
    if (policy === 'stored' && named !== undefined) throw twoPolicies()
    const result = await gc(await session.store(), { policy, dryRun, partials, places }, session)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    print(session, dryRun, result)
  },
})

async function setPolicy(
  session: Session,
  named: RetentionPolicy | undefined,
  { setPolicy = false, unsetPolicy = false, dryRun = false }: GcOptions,
): Promise<void> {
  if (dryRun) {
    throw new BallastError('USAGE', 'a policy is set or forgotten at once, and --dry-run changes nothing', {
      hint: 'to see what a policy would remove: ballast gc --keep-last 5 --dry-run',
    })
  }
  if ((named === undefined) !== unsetPolicy || setPolicy === unsetPolicy) {
    throw new BallastError('USAGE', unsetPolicy ? 'set or forget?' : 'which policy?', {
      hint: 'ballast gc --set-policy --keep-last 5 --keep-within 30d, or ballast gc --unset-policy alone',
    })
  }
  const { setRetention } = await import('../../workflows/gc.ts')
  const store = await session.store()
  await setRetention(store, named)
  session.print({ store: store.root, policy: named ?? null }, () =>
    named === undefined
      ? `${store.root} has no policy any more; versions stay\n`
      : `${store.root}: ${formatPolicy(named)}; by ballast gc --policy, and ballast serve --gc\n`,
  )
}

function twoPolicies(): BallastError {
  return new BallastError('USAGE', '--policy is the one that is kept with the store', {
    hint: 'leave it out, or the other options',
  })
}

function refuseForRemote({ policy, setPolicy, unsetPolicy }: GcOptions): void {
  if (!policy && !setPolicy && !unsetPolicy) return
  throw new BallastError('USAGE', 'a policy is kept with a store, and not with a bucket', {
    hint: 'name what is to stay: ballast gc s3://BUCKET/PATH --keep-last 5',
  })
}

function print({ print }: Session, isDry: boolean, result: Collected & Pick<GcResult, 'retention'>): void {
  const verb = isDry ? 'would remove' : 'removed'
  const { removed, removedBytes, kept, partials = 0, partialBytes = 0, retention } = result
  const downloads =
    partials === 0
      ? ''
      : `${verb} ${formatCount(partials, 'download')} that broke off, ${formatBytes(partialBytes)}\n`
  print(
    result,
    () =>
      `${retention === undefined ? '' : formatRetention(retention, { verb, isDry })}` +
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
