import { isBucketAddress, isRemote } from '../../model/index.ts'
import type { ListedVersion } from '../../workflows/list.ts'
import { formatListedFigures } from '../render/lineage.ts'
import { formatAge, formatBytes, formatDigest, formatTable } from '../render/text.ts'
import { formatUseCounts } from '../render/uses.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string | undefined, { where?: string }]>({
  usage: 'list [name]',
  alias: 'ls',
  summary: 'list the models of the store and their versions',
  details:
    'NAME may be that of a model in a registry (HOST/NAME) or a bucket (s3://BUCKET/PATH/NAME); of a path in a bucket, all models ' +
    'below it are listed.\n' +
    '--where takes fields (model, number, tag, format, precision, parameters, files, bytes, added, metric.NAME, meta.NAME,\n' +
    'label.NAME), comparisons (= != < <= > >=, ~ for a part of a text), and, or, not, and brackets; a field alone is true of versions that have it.',
  options: [['--where <condition>', 'only versions of which this is true']],
  examples: [
    'ballast list',
    'ballast list sentiment --json',
    'ballast list localhost:5000/sentiment',
    'ballast list s3://models/team',
    "ballast list --where 'metric.accuracy>0.9 and not tag=prod'",
  ],
  async run(session, name, { where }) {
    const found = await versionsAt(session, name, where)
    session.print(found, () => (found.length === 0 ? '' : formatVersions(found)))
  },
})

/** Those that the condition chooses; a remark where there is none at all. */
async function versionsAt(
  session: Session,
  name: string | undefined,
  where: string | undefined,
): Promise<readonly ListedVersion[]> {
  const select = await selection(where)
  const all = await listAt(session, name)
  const chosen = select(all)
  if (all.length > 0 && chosen.length === 0) session.note(`none of ${all.length} versions is so`)
  return chosen
}

/** Read before anything is listed: a condition that is wrong costs no time. */
async function selection(
  where: string | undefined,
): Promise<(versions: readonly ListedVersion[]) => readonly ListedVersion[]> {
  if (where === undefined) return (versions) => versions
  const { conditionOn, selectVersions } = await import('../../workflows/list-where.ts')
  const condition = conditionOn(where)
  return (versions) => selectVersions(versions, condition)
}

async function listAt(session: Session, name: string | undefined): Promise<readonly ListedVersion[]> {
  if (name !== undefined && (isBucketAddress(name) || isRemote(name))) return listElsewhere(session, name)
  const store = await session.store()
  const { list } = await import('../../workflows/list.ts')
  const versions = await list(store, name)
  if (versions.length === 0) session.note(`no models in ${store.root}; to add one: ballast add NAME FILES…`)
  return versions
}

async function listElsewhere(session: Session, name: string): Promise<readonly ListedVersion[]> {
  const { imageAccess } = await import('../image-access.ts')
  const access = imageAccess(session.io)
  if (isBucketAddress(name)) {
    const { bucketList } = await import('../../workflows/bucket-list.ts')
    const versions = await bucketList(name, access, { signal: session.signal })
    if (versions.length === 0)
      session.note(
        `no models in ${name}; to put one there: ballast push NAME ${name.replace(/\/*$/, '')}/NAME`,
      )
    return versions
  }
  const { remoteList } = await import('../../workflows/remote-list.ts')
  return remoteList(name, access, { signal: session.signal })
}

/** What was measured only where something was: the table is wide enough. */
function formatVersions(versions: readonly ListedVersion[]): string {
  const measured = versions.some(({ figures }) => Object.keys(figures).length > 0)
  const used = versions.some(({ usedBy }) => Object.keys(usedBy).length > 0)
  const more = [...(used ? ['USED BY'] : []), ...(measured ? ['METRICS'] : [])]
  return formatTable(
    ['VERSION', 'TAGS', 'FORMAT', 'FILES', 'SIZE', 'DIGEST', 'ADDED', ...more],
    versions.map(({ ref, tags, format, precision, files, bytes, digest, added, figures, usedBy }) => [
      ref,
      tags.join(', '),
      [format, precision].filter((part) => part !== undefined).join(', '),
      `${files}`,
      formatBytes(bytes),
      formatDigest(digest),
      formatAge(added),
      ...(used ? [formatUseCounts(usedBy)] : []),
      ...(measured ? [formatListedFigures(figures)] : []),
    ]),
    [3, 4],
  )
}
