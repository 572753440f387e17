import type { Digest } from '../core/index.ts'
import type { Image } from './image-config.ts'
import type { EmbeddedModel } from './image-label.ts'

/**
 * Which of the image's layers hold these models, counted from the lowest; what the image has not got is left out. An
 * application may have the same layer of its own, so each is looked for from the side on which Ballast put it.
 */
export function layersOf(
  { diffIds }: Pick<Image, 'diffIds'>,
  models: readonly EmbeddedModel[],
): ReadonlySet<number> {
  const found = new Set<number>()
  for (const { layers, position } of models) {
    for (const [index, diffId] of layers.entries()) {
      const isPlacement = index === layers.length - 1
      const matches = (id: Digest, at: number): boolean => id === diffId && !found.has(at)
      const at =
        position === 'bottom' && !isPlacement ? diffIds.findIndex(matches) : diffIds.findLastIndex(matches)
      if (at >= 0) found.add(at)
    }
  }
  return found
}
