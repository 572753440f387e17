import { BallastError, type Digest } from '../../core/index.ts'
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
export function revisionOf(digest: Digest): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 40)
}

const LONGEST_ID = 96

/** What a repository of the hub is called in a cache: `org/name` or `name`. Throws USAGE for what is no name of one. */
export function hubDirectory(id: string): string {
  const isId =
    /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?(?:\/[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?)?$/.test(id) &&
    !/--|\.\.|\.git$/.test(id) &&
    id.length <= LONGEST_ID
  if (isId) return `models--${id.replace('/', '--')}`
  throw new BallastError('USAGE', `${JSON.stringify(id)} is no name of a repository in a hub cache`, {
    hint: 'give the one by which the application asks for the model: --as ORG/NAME',
  })
}
