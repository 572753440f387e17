import type { Proving } from '../mount/index.ts'
import { isPending } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { type Judged, judge } from '../workflows/mount-reload-judge.ts'
import { placeHere } from '../workflows/mount-reload-place.ts'
import type { ReloadTask } from '../workflows/mount-reload-told.ts'

export interface VolumeReloading {
  /** How the applications of a volume are told, now; undefined where none is to be. */
  readonly taskOf: (volume: {
    readonly name: string
    readonly ref: string
  }) => Promise<ReloadTask | undefined>
  readonly onJudged: (volume: string, judged: Judged) => void
}

/** The reload of volumes of the plugin, as that of any other target (design, "Reload"). */
export function provenVolumes(store: Store, { taskOf, onJudged }: VolumeReloading): Proving {
  return async ({ name, ref, target, link }) => {
    const task = await taskOf({ name, ref })
    if (task === undefined) return undefined
    return async ({ signal }) => {
      const options = { signal }
      const place = placeHere(store, { directory: target, volume: name, name: link, link: true }, options)
      const current = (await place.followed())?.generations.at(-1)
      if (current === undefined || !isPending(current)) return
      const found = await judge({ place, task }, options)
      if (found !== undefined) onJudged(name, found.judged)
    }
  }
}
