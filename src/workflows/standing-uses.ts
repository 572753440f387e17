import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Digest, digestOfHex, isBallastError, listIfPresent } from '../core/index.ts'
import { isName, parseReference, type RepositoryName } from '../model/index.ts'
import type { PluginVolume } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import type { SeenUse } from './used-by.ts'

/** What `run` has made for the containers of an Engine. It goes a day after the last of them. */
export interface RunTree {
  readonly path: string
  readonly model: RepositoryName
  readonly digest: Digest
}

export async function runTrees(store: Store): Promise<readonly RunTree[]> {
  const root = join(store.root, 'ballast', 'trees')
  const trees: RunTree[] = []
  for (const engine of await listIfPresent(root)) {
    for (const directory of await listIfPresent(join(root, engine))) {
      const model = directory.replaceAll('+', '/')
      if (!isName(model)) continue
      for (const id of await listIfPresent(join(root, engine, directory))) {
        const [hex] = /^[0-9a-f]{64}/.exec(id) ?? []
        if (hex !== undefined) {
          trees.push({ path: join(root, engine, directory, id), model, digest: digestOfHex(hex) })
        }
      }
    }
  }
  return trees
}

/** Volumes of the plugin, where there is one. Throws DAMAGED. */
export async function volumesOfPlugins(store: Store): Promise<readonly PluginVolume[]> {
  if ((await listIfPresent(join(store.root, 'ballast', 'plugins'))).length === 0) return []
  // Loaded where there is something to read.
  const { pluginVolumes } = await import('../mount/index.ts')
  return pluginVolumes(store.root)
}

/** Uses that are not noted, because they stand in the store itself: what the plugin serves, and what `run` mounts. */
export async function standingUses(store: Store): Promise<readonly SeenUse[]> {
  const uses: SeenUse[] = []
  const here = { host: hostname(), is: 'there' } as const
  const volumes = await volumesOfPlugins(store).catch((error: unknown) => {
    if (isBallastError(error, 'DAMAGED')) return []
    throw error
  })
  for (const { plugin, name, ref, created, digest, number } of volumes) {
    if (digest === undefined) continue
    const { name: model } = parseReference(ref)
    const place = `${name} (${plugin})`
    uses.push({
      ...here,
      kind: 'volume',
      place,
      model,
      digest,
      number: number ?? 0,
      reference: ref,
      time: created,
    })
  }
  for (const { path, model, digest } of await runTrees(store)) {
    const time = (await stat(path).catch(() => undefined))?.mtime.toISOString() ?? ''
    uses.push({ ...here, kind: 'run', place: path, model, digest, number: 0, reference: model, time })
  }
  return uses
}
