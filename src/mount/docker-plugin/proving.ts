/** A volume that follows its tag. */
export interface ProvenVolume {
  readonly name: string
  readonly ref: string
  /** The following target, and the link in it that leads to the version. */
  readonly target: string
  readonly link: string
}

/**
 * Asked before a volume is brought to a version, and for what a process before has left: undefined where no application is
 * declared that has to take versions over. Else what tells them, waits for their word, and puts the version before back where
 * they do not serve the new one (design, "Reload"). That does nothing for a version which is not `pending`.
 */
export type Proving = (
  volume: ProvenVolume,
) => Promise<((options: { readonly signal: AbortSignal }) => Promise<void>) | undefined>
