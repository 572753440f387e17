import { type CallOptions, forEachLimited } from '../core/index.ts'
import { decodeManifest, totalSize } from '../model/index.ts'
import { type BucketRepository, listModels, openBucketRepository } from '../remotes/index.ts'
import { openBucketRemote, openBucketRoot } from './bucket-remotes.ts'
import type { ImageAccess } from './image-places.ts'
import type { ListedVersion } from './list.ts'
import { nothingThere } from './remotes.ts'

const READ_AT_ONCE = 16

/**
 * Every version of a model in a bucket (`s3://BUCKET/PATH/NAME`), or of all models below a path (`s3://BUCKET/PATH/`, where no model has
 * that name also without the last `/`). Throws NOT_FOUND where a name leads to neither.
 */
export async function bucketList(
  text: string,
  access: ImageAccess,
  options: CallOptions,
): Promise<readonly ListedVersion[]> {
  if (text.endsWith('/') || text.split('/').length <= 3) return versionsBelow(text, access, options)
  const remote = await openBucketRemote(text, access)
  const versions = await versionsOf(remote.repository, remote.at, options)
  if (versions.length > 0) return versions
  const below = await versionsBelow(`${text}/`, access, options)
  if (below.length > 0) return below
  throw await nothingThere(remote, options)
}

async function versionsBelow(
  text: string,
  access: ImageAccess,
  options: CallOptions,
): Promise<readonly ListedVersion[]> {
  const { bucket, root, address } = await openBucketRoot(text, access)
  const listed: ListedVersion[] = []
  for (const name of await listModels(bucket, root, options)) {
    const at = (reference: string): string => `${address}/${name}:${reference}`
    listed.push(...(await versionsOf(openBucketRepository(bucket, { root, name }), at, options)))
  }
  return listed
}

async function versionsOf(
  repository: BucketRepository,
  at: (reference: string) => string,
  options: CallOptions,
): Promise<readonly ListedVersion[]> {
  const tags = await repository.records.listTags(options)
  const versions = await repository.records.listVersions(options)
  const listed = new Map<number, ListedVersion>()
  await forEachLimited(
    versions,
    READ_AT_ONCE,
    async ({ number, digest, time }, signal) => {
      const manifest = await repository.getManifest(digest, { signal })
      const content = manifest === undefined ? undefined : decodeManifest(manifest.bytes)
      listed.set(number, {
        ref: at(`${number}`),
        digest,
        tags: tags.filter((tag) => tag.digest === digest).map(({ tag }) => tag),
        // What is in a pack is known to who has it.
        files: (content?.files.length ?? 0) + (content?.packs.length ?? 0),
        bytes: totalSize([...(content?.files ?? []), ...(content?.packs ?? [])]),
        added: time,
        format: undefined,
        precision: undefined,
        parameters: undefined,
        figures: {},
        usedBy: {},
        metadata: {},
      })
    },
    options.signal,
  )
  return versions.map(({ number }) => listed.get(number) as ListedVersion)
}
