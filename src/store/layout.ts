import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, type DurableOptions, hexOf, isSystemError, type Sharing } from '../core/index.ts'
import type { RepositoryName, Tag } from '../model/index.ts'

/**
 * Version of the layout on disk; a store with a higher one is refused. One with a lower one is read as it is, and upgraded before
 * the first write. 2: records of logs name the former one.
 */
export const FORMAT = 2

/**
 * Where everything stands in a store. The root is an OCI image layout (image-spec, image-layout.md) that other tools
 * may read; what Ballast adds is below `ballast/`, which the specification lets them ignore.
 */
export interface StoreLayout {
  readonly root: string
  readonly ociLayout: string
  readonly index: string
  readonly blobs: string
  readonly own: string
  readonly format: string
  readonly repositories: string
  readonly sessions: string
  readonly uploads: string
  readonly derived: string
  readonly aliases: string
  readonly cache: string
  readonly damaged: string
  readonly gcLock: string
  readonly indexLock: string
  readonly formatLock: string
  /** What arrives in pieces, by what it is. */
  readonly partials: string
  readonly reserve: string
  /** Who has which version. */
  readonly uses: string
  /** Which versions `gc` leaves, where that is kept with the store. */
  readonly retention: string
  /** Of a store that a group of users shares. */
  readonly sharing: Sharing | undefined
}

/** `mode` is that of the root, by which it is told whether a group of users shares the store. */
export function layoutOf(root: string, mode = 0): StoreLayout {
  const own = join(root, 'ballast')
  return {
    root,
    ociLayout: join(root, 'oci-layout'),
    index: join(root, 'index.json'),
    blobs: join(root, 'blobs', 'sha256'),
    own,
    format: join(own, 'format'),
    repositories: join(own, 'repositories'),
    sessions: join(own, 'sessions'),
    uploads: join(own, 'uploads'),
    derived: join(own, 'derived'),
    aliases: join(own, 'aliases'),
    cache: join(own, 'cache'),
    damaged: join(own, 'damaged'),
    gcLock: join(own, 'locks', 'gc'),
    indexLock: join(own, 'locks', 'index'),
    formatLock: join(own, 'locks', 'format'),
    partials: join(own, 'partial'),
    reserve: join(own, 'reserve'),
    uses: join(own, 'uses'),
    retention: join(own, 'retention.json'),
    sharing: sharingOf(mode, join(own, 'sessions')),
  }
}

const SET_GID = 0o2000
const GROUP_WRITES = 0o020

/**
 * A root that is set-gid and writable for its group is a group's store: every directory in it gets the root's own mode,
 * and every file can be read by who can come to it. Elsewhere the umask decides. The sticky bit would keep one user
 * from replacing what another has made, so it is not taken over.
 */
function sharingOf(mode: number, temporaryDirectory: string): Sharing | undefined {
  if ((mode & SET_GID) === 0 || (mode & GROUP_WRITES) === 0) return undefined
  return { directoryMode: mode & 0o2777, fileMode: 0o644, temporaryDirectory }
}

/** The mode bits of a store's root; 0 where there is none yet. */
export async function modeOf(root: string): Promise<number> {
  try {
    return (await stat(root)).mode
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 0
    throw error
  }
}

/** How a file of the store is written: first in the session's directory, and readable for whom the store is. */
export function fileOptions(
  layout: StoreLayout,
  { directory }: { readonly directory: string },
): DurableOptions {
  return { temporaryDirectory: directory, mode: layout.sharing?.fileMode }
}

export function blobPath(layout: StoreLayout, digest: Digest): string {
  return `${layout.blobs}/${hexOf(digest)}`
}

export function repositoryPath(layout: StoreLayout, name: RepositoryName): string {
  return `${layout.repositories}/${name.replaceAll('/', '+')}`
}

export function repositoryOfDirectory(directory: string): RepositoryName {
  return directory.replaceAll('+', '/') as RepositoryName
}

export function tagPath(layout: StoreLayout, name: RepositoryName, tag: Tag): string {
  return `${repositoryPath(layout, name)}/tags/${tag}`
}

export function versionsPath(layout: StoreLayout, name: RepositoryName): string {
  return `${repositoryPath(layout, name)}/versions`
}

/** Of the stages of a model, a log each. */
export function policiesPath(layout: StoreLayout, name: RepositoryName): string {
  return join(repositoryPath(layout, name), 'policies')
}

/** Manifests that were pushed without a tag, one empty file each. */
export function untaggedPath(layout: StoreLayout, name: RepositoryName): string {
  return `${repositoryPath(layout, name)}/untagged`
}
