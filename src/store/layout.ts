import { join } from 'node:path'
import { type Digest, hexOf } from '../core/index.ts'
import type { RepositoryName, Tag } from '../model/index.ts'

/** Version of the layout on disk; a store with a higher one is refused. */
export const FORMAT = 1

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
  readonly derived: string
  readonly cache: string
  readonly damaged: string
  readonly gcLock: string
  readonly indexLock: string
}

export function layoutOf(root: string): StoreLayout {
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
    derived: join(own, 'derived'),
    cache: join(own, 'cache'),
    damaged: join(own, 'damaged'),
    gcLock: join(own, 'locks', 'gc'),
    indexLock: join(own, 'locks', 'index'),
  }
}

export function blobPath(layout: StoreLayout, digest: Digest): string {
  return join(layout.blobs, hexOf(digest))
}

export function repositoryPath(layout: StoreLayout, name: RepositoryName): string {
  return join(layout.repositories, name.replaceAll('/', '+'))
}

export function repositoryOfDirectory(directory: string): RepositoryName {
  return directory.replaceAll('+', '/') as RepositoryName
}

export function tagPath(layout: StoreLayout, name: RepositoryName, tag: Tag): string {
  return join(repositoryPath(layout, name), 'tags', tag)
}

export function versionsPath(layout: StoreLayout, name: RepositoryName): string {
  return join(repositoryPath(layout, name), 'versions')
}

/** Manifests that were pushed without a tag, one empty file each. */
export function untaggedPath(layout: StoreLayout, name: RepositoryName): string {
  return join(repositoryPath(layout, name), 'untagged')
}
