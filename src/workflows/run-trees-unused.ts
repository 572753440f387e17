import { type CallOptions, isBallastError, isPresent } from '../core/index.ts'
import { chooseEngine, type Engine, type EngineChoice, heldByContainers } from '../docker/index.ts'
import type { Store } from '../store/index.ts'
import { withEngine } from './engine-access.ts'
import { removeUnusedTrees, treeDirectories } from './run-trees.ts'

/** What the Engine's containers do not have mounted. */
export async function removeTreesOf(
  engine: Engine,
  directories: readonly string[],
  options: CallOptions = {},
): Promise<void> {
  const { sources } = await heldByContainers(engine, options)
  await removeUnusedTrees(directories, { mounted: sources, now: Date.now() })
}

/**
 * Removes the trees that `run` has made for an Engine and that nothing uses any more; where there are none, the Engine
 * is not asked. A warning where it does not answer: then they stay.
 */
export async function collectTrees(
  store: Store,
  { engine, cacheDirectory }: { readonly engine: EngineChoice; readonly cacheDirectory: string },
  options: CallOptions = {},
): Promise<readonly string[]> {
  const { url } = await chooseEngine(engine)
  const directories = treeDirectories(store, { engineUrl: url, cacheDirectory })
  const present = await Promise.all(directories.map(isPresent))
  if (!present.includes(true)) return []
  try {
    await withEngine(engine, (opened) => removeTreesOf(opened, directories, options))
    return []
  } catch (error) {
    if (!isBallastError(error, 'REMOTE') && !isBallastError(error, 'UNAUTHORIZED')) throw error
    return [
      `${error.message}: the trees of ballast run stay, because nobody says which of them containers use`,
    ]
  }
}
