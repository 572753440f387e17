import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Digest, readIfPresent } from '../core/index.ts'
import {
  decodeLineage,
  decodeMarker,
  diffVersions,
  encodeLineage,
  LARGEST_LINEAGE,
  type Lineage,
  lineageChanges,
  MARKER,
  MODEL_LINEAGE,
  type ParentVersion,
  type RepositoryName,
  type Version,
} from '../model/index.ts'
import { type Session, type Store, unlessGone } from '../store/index.ts'
import { attach, readAttachments } from './attachments.ts'
import { findVersion } from './resolve.ts'

/** Throws what `findVersion` throws. */
export async function parentCalled(store: Store, ref: string): Promise<ParentVersion> {
  const { reference, number, version } = await findVersion(store, ref)
  return { model: reference.name, number, digest: version.digest }
}

/** The version that was delivered into a directory, as its marker says; undefined where there is none. */
export async function parentAt(directory: string): Promise<ParentVersion | undefined> {
  const bytes = await readIfPresent(join(directory, MARKER)).catch(() => undefined)
  return parentByMarker(bytes)
}

export function parentByMarker(bytes: Uint8Array | undefined): ParentVersion | undefined {
  const marker = bytes && decodeMarker(bytes)
  return marker && { model: marker.model, number: marker.number, digest: marker.digest }
}

/**
 * Attaches to a version where it came from, unless that is known already. A version that is its parent came from nowhere
 * else. The version's manifest must be leased by the session.
 */
export async function attachLineage(
  store: Store,
  session: Session,
  {
    name,
    version,
    lineage,
  }: {
    readonly name: RepositoryName
    readonly version: Version
    readonly lineage: Omit<Lineage, 'time' | 'changes'>
  },
): Promise<void> {
  const { parent } = lineage
  if (parent?.digest === version.digest) return
  const known = await (await readLineages(store, name))(version.digest)
  if (known.some((other) => isSame(other, lineage))) return
  const changes = parent && (await changesSince(store, parent.digest, version))
  const time = new Date().toISOString()
  const data = encodeLineage({ ...lineage, time, changes })
  await attach(store, session, { name, subject: version.digest, type: MODEL_LINEAGE, data })
}

/** Where the versions of a model came from, of each the oldest first; nothing for one that was added. */
export async function readLineages(
  store: Store,
  name: RepositoryName,
): Promise<(version: Digest) => Promise<readonly Lineage[]>> {
  const attached = await readAttachments(store, { name, type: MODEL_LINEAGE, largest: LARGEST_LINEAGE })
  return async (version) =>
    (await attached(version))
      .map(decodeLineage)
      .filter((lineage) => lineage !== undefined)
      .sort((a, b) => a.time.localeCompare(b.time))
}

/** Versions of any model that were made from this one, as they say. */
export async function childrenOfVersion(store: Store, parent: Digest): Promise<readonly ParentVersion[]> {
  const children: ParentVersion[] = []
  for (const model of await store.records.listNames()) {
    const lineages = await readLineages(store, model)
    for (const { number, digest } of await store.records.listVersions(model)) {
      const from = await lineages(digest)
      if (from.some((lineage) => lineage.parent?.digest === parent)) children.push({ model, number, digest })
    }
  }
  return children
}

function isSame(a: Lineage, b: Omit<Lineage, 'time'>): boolean {
  return (
    a.from === b.from &&
    a.revision === b.revision &&
    a.checkpoint === b.checkpoint &&
    a.parent?.digest === b.parent?.digest &&
    a.by === b.by &&
    isDeepStrictEqual(a.training, b.training)
  )
}

/** Undefined where the store has not got the parent. */
async function changesSince(
  store: Store,
  parent: Digest,
  version: Version,
): Promise<Lineage['changes'] | undefined> {
  const former = await store.readVersion(parent).catch(unlessGone)
  if (former === undefined) return undefined
  const { changes, same } = diffVersions(former, version)
  return lineageChanges(changes, same)
}
