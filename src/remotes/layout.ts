import { type Digest, hexOf } from '../core/index.ts'
import type { RepositoryName, Tag } from '../model/index.ts'

/** Version of the layout, as of a store: a remote with a higher one is refused, one with a lower one upgraded before the first write. */
export const FORMAT = 2

/** In bytes: of records, and of the format. Whatever is larger is none. */
export const LARGEST_RECORD = 64 * 1024

/** Keys of a remote: as the files of a store are called, so that who knows one knows the other (docs/design.md, "Remotes in buckets"). */
export interface RemoteLayout {
  /** Empty, or with a `/` at the end. */
  readonly root: string
  readonly format: string
  readonly blobs: string
  readonly repositories: string
  readonly leases: string
  readonly collections: string
  readonly claims: string
  readonly upgrades: string
}

/** `root` as a user writes it, with or without `/` at its end. */
export function layoutOf(root: string): RemoteLayout {
  const prefix = root === '' ? '' : `${root.replace(/\/+$/, '')}/`
  const own = `${prefix}ballast/`
  return {
    root: prefix,
    format: `${own}format`,
    blobs: `${prefix}blobs/sha256/`,
    repositories: `${own}repositories/`,
    leases: `${own}leases/`,
    collections: `${own}collections/`,
    claims: `${own}claims/`,
    upgrades: `${own}upgrades/`,
  }
}

export function blobKey({ blobs }: RemoteLayout, digest: Digest): string {
  return `${blobs}${hexOf(digest)}`
}

export function tagsPrefix({ repositories }: RemoteLayout, name: RepositoryName): string {
  return `${repositories}${name}/tags/`
}

export function tagPrefix(layout: RemoteLayout, name: RepositoryName, tag: Tag): string {
  return `${tagsPrefix(layout, name)}${tag}/`
}

export function versionsPrefix({ repositories }: RemoteLayout, name: RepositoryName): string {
  return `${repositories}${name}/versions/`
}

export function policiesPrefix({ repositories }: RemoteLayout, name: RepositoryName): string {
  return `${repositories}${name}/policies/`
}

export function policyPrefix(layout: RemoteLayout, name: RepositoryName, stage: Tag): string {
  return `${policiesPrefix(layout, name)}${stage}/`
}

export function referrersPrefix({ repositories }: RemoteLayout, name: RepositoryName): string {
  return `${repositories}${name}/referrers/`
}
