import type { CallOptions } from '../core/index.ts'
import { isTag } from '../model/index.ts'
import { openBucketRemote } from './bucket-remotes.ts'
import type { ImageAccess } from './image-places.ts'
import { interleave, type Move } from './moves.ts'
import { nothingThere } from './remotes.ts'

/** The moves of one tag of a model in a bucket, or of all of its tags. Oldest first. */
export async function bucketHistory(
  text: string,
  access: ImageAccess,
  options: CallOptions,
): Promise<readonly Move[]> {
  const remote = await openBucketRemote(text, access)
  const { records } = remote.repository
  const { reference, isStated } = remote
  const versions = await records.listVersions(options)
  const tags = isStated && isTag(reference) ? [reference] : await records.listTagNames(options)
  const logs: Move[][] = []
  for (const tag of tags) {
    const log = await records.history(tag, options)
    logs.push(
      log.map(({ record: { time, by, digest, promotion } }) => ({
        ...{ time, by, tag: remote.at(tag), digest: digest ?? undefined },
        number: versions.find((version) => version.digest === digest)?.number,
        ...(promotion && { promotion }),
      })),
    )
  }
  if (logs.every((log) => log.length === 0)) throw await nothingThere(remote, options)
  return interleave(logs)
}
