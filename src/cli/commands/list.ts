import { isBucketAddress, isRemote } from '../../model/index.ts'
import type { ListedVersion } from '../../workflows/list.ts'
import { imageAccess } from '../image-access.ts'
import { formatListedFigures } from '../render/lineage.ts'
import { formatAge, formatBytes, formatDigest, formatTable } from '../render/text.ts'
import { formatUseCounts } from '../render/uses.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string | undefined]>({
  usage: 'list [name]',
  alias: 'ls',
  summary: 'list the models of the store and their versions',
  details:
    'NAME may be that of a model in a registry (HOST/NAME) or a bucket (s3://BUCKET/PATH/NAME); with a / at its end, all models ' +
    'below a path of a bucket are listed.',
  examples: [
    'ballast list',
    'ballast list sentiment --json',
    'ballast list localhost:5000/sentiment',
    'ballast list s3://models/team/',
  ],
  async run(session, name) {
    if (name !== undefined && isBucketAddress(name)) {
      const { bucketList } = await import('../../workflows/bucket-list.ts')
      const versions = await bucketList(name, imageAccess(session.io), { signal: session.signal })
      if (versions.length === 0)
        session.note(`no models in ${name}; to put one there: ballast push NAME ${name}NAME`)
      session.print(versions, () => (versions.length === 0 ? '' : formatVersions(versions)))
      return
    }
    if (name !== undefined && isRemote(name)) {
      const { remoteList } = await import('../../workflows/remote-list.ts')
      const versions = await remoteList(name, imageAccess(session.io), { signal: session.signal })
      session.print(versions, () => formatVersions(versions))
      return
    }
    const store = await session.store()
    const { list } = await import('../../workflows/list.ts')
    const versions = await list(store, name)
    if (versions.length === 0) session.note(`no models in ${store.root}; to add one: ballast add NAME FILES…`)
    session.print(versions, () => (versions.length === 0 ? '' : formatVersions(versions)))
  },
})

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
