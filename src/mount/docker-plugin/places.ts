import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory } from '../../core/index.ts'
import { bindReadOnly, detach, mountOverlay } from './kernel-mounts.ts'
import { allMounts, mountAt } from './mountinfo.ts'
import type { Served, Volume } from './state.ts'

/** Where things stand in the plugin's directory. */
export interface Places {
  readonly trees: string
  mountpoint(name: string): string
  /** The following target of a volume that follows. */
  following(name: string): string
  /** Mounts what the next container is to find. Those that run have mounts of their own already. */
  show(volume: Volume, served: Served): Promise<void>
  /** Removes what a volume has of its own. */
  clear(name: string): Promise<void>
}

export function placesIn(directory: string): Places {
  const inKind = (kind: string, name: string): string => join(directory, kind, name)

  async function showWritable({ name }: Volume, { tree }: Served): Promise<void> {
    const target = inKind('mounts', name)
    if ((await mountAt(target)) !== undefined) return
    await makeDirectory(join(directory, 'writable'), 0o700)
    const [upper, work] = ['upper', 'work'].map((part) => `writable/${name}/${part}`) as [string, string]
    for (const path of [upper, work]) await makeDirectory(join(directory, path), 0o755)
    await mountOverlay({ lower: `trees/${tree}`, upper, work, cwd: directory }, target)
  }

  return {
    trees: join(directory, 'trees'),
    mountpoint: (name) => inKind('mounts', name),
    following: (name) => inKind('following', name),
    async show(volume, served) {
      const { name, options } = volume
      if (options.rw) return showWritable(volume, served)
      await detach(inKind('mounts', name))
      const source = options.follow ? inKind('following', name) : inKind('trees', served.tree)
      await bindReadOnly(source, inKind('mounts', name))
    },
    async clear(name) {
      for (const kind of ['writable', 'following'])
        await rm(inKind(kind, name), { recursive: true, force: true })
    },
  }
}

/** Whether any process of the host has mounted what is mounted at the path, somewhere else. */
export async function isMountedElsewhere(path: string): Promise<boolean> {
  const own = await mountAt(path)
  if (own === undefined) return false
  return (await allMounts()).some(
    ({ device, root, mountPoint }) => device === own.device && root === own.root && mountPoint !== path,
  )
}
