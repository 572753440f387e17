import { BallastError, type Digest } from '../../core/index.ts'
import { numberOfTag, type RepositoryName, type Tag } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { manifestsOf } from './store-manifests.ts'

/** The bytes stay until `gc`. Throws CONFLICT for a version's number, which goes only with the version. */
export async function removeTag(store: Store, name: RepositoryName, tag: Tag): Promise<boolean> {
  const { records } = store
  const current = (await records.listTags(name)).find((candidate) => candidate.tag === tag)
  if (current === undefined) {
    if (numberOfTag(tag) === undefined || (await records.resolve({ name, tag })) === undefined) return false
    throw new BallastError(
      'CONFLICT',
      `${name}:${tag} is a version's number: delete the version by its digest`,
    )
  }
  await using session = await store.begin()
  const { kind, digest } = current
  await records.moveTag(session, name, tag, { digest: null, kind, by: 'registry', onlyFrom: digest })
  await store.project(session)
  return true
}

/**
 * With its tags and its number, tags first: what still resolves is always whole. Throws CONFLICT for a manifest that
 * no record names.
 */
export async function removeManifest(store: Store, name: RepositoryName, digest: Digest): Promise<boolean> {
  const { records } = store
  if ((await records.resolve({ name, digest })) === undefined) {
    if (!(await manifestsOf(store, name)).includes(digest)) return false
    throw new BallastError(
      'CONFLICT',
      `no tag of ${name} leads to ${digest} itself: it goes with the index that refers to it, or else with \`ballast gc\``,
    )
  }
  await using session = await store.begin()
  for (const current of await records.listTags(name)) {
    if (current.digest !== digest) continue
    const { kind, tag } = current
    await records.moveTag(session, name, tag, { digest: null, kind, by: 'registry', onlyFrom: digest })
  }
  for (const version of await records.listVersions(name)) {
    if (version.digest === digest) await records.removeVersion(session, name, version.number)
  }
  await records.removeUntagged(name, digest)
  await store.project(session)
  return true
}
