import type { Digest } from '../../core/index.ts'
import { numberOfTag, splitReference } from '../../model/index.ts'
import type { PlacedVersion, ViewEntry, ViewPlan, ViewRequest } from './layout.ts'

/**
 * `refs/…` and `snapshots/<revision>/…` of a repository in a hub cache. `main` leads to the current version, and so do its tag
 * and its number; earlier versions are found by their numbers. There are no `blobs`: a snapshot that has its files itself is what
 * the hub's libraries write where there are no symlinks.
 */
export async function planHub({ current, former }: ViewRequest): Promise<ViewPlan> {
  const all = [current, ...former]
  const entries = new Map<string, ViewEntry>()
  for (const { id, marker } of all) entries.set(`snapshots/${revisionOf(marker.digest)}`, { id, path: '' })
  for (const placed of [...all].reverse()) {
    for (const ref of refsOf(placed)) entries.set(`refs/${ref}`, { text: revisionOf(placed.marker.digest) })
  }
  const { tag } = splitReference(current.marker.reference)
  const names = tag === undefined || numberOfTag(tag) !== undefined ? ['main'] : ['main', tag]
  for (const ref of names) {
    entries.set(`refs/${ref}`, { text: revisionOf(current.marker.digest) })
  }
  return { entries, warnings: [] }
}

function refsOf({ marker: { number } }: PlacedVersion): readonly string[] {
  return number > 0 ? [`${number}`] : []
}

/** Forty hexadecimal digits, as of a commit: the same for a version wherever it is. */
function revisionOf(digest: Digest): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 40)
}
