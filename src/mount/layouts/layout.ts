import type { Marker, Version } from '../../model/index.ts'

/** A version that stands in the target; `id` names its directory below `.ballast/versions/`. */
export interface PlacedVersion {
  readonly id: string
  readonly version: Version
  readonly marker: Marker
}

/** A link to a version's directory, or to `path` in it; or a file with this text. */
export type ViewEntry = { readonly id: string; readonly path: string } | { readonly text: string }

/** What the server finds, by paths. */
export interface ViewPlan {
  readonly entries: ReadonlyMap<string, ViewEntry>
  /** What will not work, and why it is done nevertheless. */
  readonly warnings: readonly string[]
}

export interface ViewRequest {
  /** The name under which the server knows the model: that of its directory. */
  readonly name: string
  readonly current: PlacedVersion
  /** Those that are shown beside it, newest first. */
  readonly former: readonly PlacedVersion[]
  /** The text of a small file of the current version. */
  readonly read: (path: string) => Promise<string>
}
