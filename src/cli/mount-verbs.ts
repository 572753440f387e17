import type { Admit } from '../core/index.ts'
import { parseOperand, parseReloadFlags, type ReloadFlags, type ServerLayout } from '../model/index.ts'
import type { MountResult } from '../workflows/mount.ts'
import type { ReloadEvents } from '../workflows/mount-reload.ts'
import type { Judged } from '../workflows/mount-reload-judge.ts'
import type { ReloadTask } from '../workflows/mount-reload-told.ts'
import { commandGuard } from './command-guard.ts'
import { engineChoice } from './engine-choice.ts'
import type { Session } from './session.ts'

export const LINK_WARNING =
  'warning: --link: whoever can write to the target could change the bytes in the store'

export interface ReloadChoices {
  /** Try a version again that was put back. */
  readonly retry?: boolean
  /** Whether commands of `ballast.yaml` may run. */
  readonly allowCommands?: boolean
}

/** How the applications of a following target are told; undefined where none is to be. */
export async function reloadTask(
  session: Session,
  { ref, target }: { readonly ref: string; readonly target: string },
  { retry = false, allowCommands = false, ...flags }: ReloadFlags & ReloadChoices,
): Promise<ReloadTask | undefined> {
  const { declaredReloads } = await import('../workflows/mount-reload-declared.ts')
  const directory = '.'
  const guard = commandGuard(session, { allow: allowCommands })
  const plans = await declaredReloads({ ref, target, directory }, { flags: parseReloadFlags(flags), guard })
  return plans.length === 0 ? undefined : { plans, directory, engine: engineChoice(session.io), retry }
}

export interface MountWanted {
  readonly ref: string
  /** A directory, or `volume:NAME`. */
  readonly target: string
  readonly link: boolean | undefined
  readonly replace: boolean | undefined
  readonly as: string | undefined
  readonly readAhead: boolean
  readonly layout: ServerLayout | undefined
  /** How many former versions stay. */
  readonly keep: number | undefined
  /** How long each former version does, in milliseconds. */
  readonly graceMs?: number
  /** Asked before files are copied into a directory. */
  readonly admit?: Admit
}

export interface MountVerbs {
  readonly mount: () => Promise<MountResult>
  readonly mountFollowing: () => Promise<MountResult>
  readonly follow: (events: ReloadEvents) => Promise<void>
}

/** What can be done with the target, of whichever kind it is. */
export async function mountVerbs(
  session: Session,
  { target, keep, graceMs, ...rest }: MountWanted,
  { task, onJudged }: { readonly task: ReloadTask | undefined; readonly onJudged: (judged: Judged) => void },
): Promise<MountVerbs> {
  const store = await session.store()
  const { GRACE_MS } = await import('../workflows/mount.ts')
  const request = { ...rest, retention: { graceMs: graceMs ?? GRACE_MS, keep } }
  const calls = { signal: session.signal, onProgress: session.onProgress }
  const operand = parseOperand(target)
  if (operand.kind === 'volume') {
    const wanted = { ...request, volume: operand.text }
    const options = { ...calls, engine: engineChoice(session.io), onJudged }
    const volumes = await import('../workflows/mount-volume.ts')
    const mount = (): Promise<MountResult> => volumes.mountVolume(store, wanted, options)
    if (task === undefined) {
      return {
        mount,
        mountFollowing: () => volumes.mountVolumeFollowing(store, wanted, options),
        follow: (events) => volumes.followVolume(store, wanted, { ...options, ...events }),
      }
    }
    const reloads = await import('../workflows/mount-volume-reload.ts')
    return {
      mount,
      mountFollowing: () => reloads.mountVolumeReloading(store, { ...wanted, task }, options),
      follow: (events) =>
        reloads.followVolumeReloading(store, { ...wanted, task }, { ...options, ...events }),
    }
  }
  const wanted = { ...request, target }
  const directories = await import('../workflows/mount.ts')
  const mount = (): Promise<MountResult> => directories.mount(store, wanted, calls)
  if (task === undefined) {
    return {
      mount,
      mountFollowing: () => directories.mountFollowing(store, wanted, calls),
      follow: (events) => directories.follow(store, wanted, { ...calls, ...events }),
    }
  }
  const reloads = await import('../workflows/mount-reload.ts')
  return {
    mount,
    mountFollowing: () => reloads.mountReloading(store, { ...wanted, task }, { ...calls, onJudged }),
    follow: (events) => reloads.followReloading(store, { ...wanted, task }, { ...calls, ...events }),
  }
}
