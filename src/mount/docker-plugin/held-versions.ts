import { join } from 'node:path'
import { type Digest, listIfPresent } from '../../core/index.ts'
import { readVolumes } from './state.ts'

/** A volume of a plugin of this host, whether or not its process runs. */
export interface PluginVolume {
  /** The plugin's and the volume's names. */
  readonly plugin: string
  readonly name: string
  /** What it was made with. */
  readonly ref: string
  /** What its containers have, or what was written lies over; undefined of one that nobody uses. */
  readonly digest: Digest | undefined
  readonly number: number | undefined
  /** ISO 8601 */
  readonly created: string
}

/** Of all plugins that keep their volumes in a store. Throws DAMAGED. */
export async function pluginVolumes(root: string): Promise<readonly PluginVolume[]> {
  const plugins = join(root, 'ballast', 'plugins')
  const found: PluginVolume[] = []
  for (const plugin of await listIfPresent(plugins)) {
    for (const { name, options, created, users, served } of (
      await readVolumes(join(plugins, plugin))
    ).values()) {
      const isHeld = users.size > 0 || options.rw
      const { digest, number } = (isHeld ? served?.marker : undefined) ?? {}
      found.push({ plugin, name, ref: options.ref, created, digest, number })
    }
  }
  return found
}
