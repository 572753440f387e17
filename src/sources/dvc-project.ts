import { realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isPresent, readIfPresent } from '../core/index.ts'
import { dvcCacheDirectory } from '../model/index.ts'

/** Where a project of DVC keeps the bytes of what it tracks. */
export interface DvcProject {
  readonly root: string
  /** With links resolved where it is there. */
  readonly cache: string
}

/** The one that a directory lies in: it, or the nearest one above, with a `.dvc`. Undefined for none. */
export async function dvcProjectOf(directory: string): Promise<DvcProject | undefined> {
  for (let root = directory; ; root = dirname(root)) {
    const own = join(root, '.dvc')
    if (await isPresent(join(own, 'config'))) return { root, cache: await cacheOf(own) }
    if (dirname(root) === root) return undefined
  }
}

/** Relative to the directory of the configuration; what is local to the machine counts before what is shared. */
async function cacheOf(own: string): Promise<string> {
  const said = await Promise.all(
    ['config.local', 'config'].map(async (name) => (await readIfPresent(join(own, name)))?.toString('utf8')),
  )
  const [named = 'cache'] = said.flatMap((text) => (text && dvcCacheDirectory(text)) || [])
  const cache = resolve(own, named)
  return realpath(cache).catch(() => cache)
}

/** Where the bytes of an MD5 may be: as DVC 3 keeps them, and as it did before. */
export function placesInCache(cache: string, name: string): readonly [now: string, before: string] {
  const way = join(name.slice(0, 2), name.slice(2))
  return [join(cache, 'files', 'md5', way), join(cache, way)]
}
