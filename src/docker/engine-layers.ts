import { type CallOptions, type Digest, forEachLimited } from '../core/index.ts'
import type { Engine } from './engine.ts'
import { inspectImage, listImages } from './images.ts'

const AT_ONCE = 8

/**
 * How many of these layers, from the lowest up, a graph driver has above each other: that is how it knows layers
 * (ChainID), so what an archive leaves out must be whole from below. Images of the same name are asked first, and no more
 * of them once all is there.
 */
export async function presentLayers(
  engine: Engine,
  { layers, name }: { readonly layers: readonly { readonly diffId: Digest }[]; readonly name: string },
  { signal }: CallOptions = {},
): Promise<number> {
  const wanted = layers.map(({ diffId }) => diffId)
  let most = 0
  const listed = await listImages(engine, { signal })
  const isNear = (tags: readonly string[]): boolean => tags.some((tag) => tag.startsWith(`${name}:`))
  const near = listed.filter(({ tags }) => isNear(tags))
  const ids = new Set([...near, ...listed].map(({ id }) => id))
  await forEachLimited(
    [...ids],
    AT_ONCE,
    async (id, stop) => {
      if (most === wanted.length) return
      // One that is removed meanwhile has no layers to build on.
      const image = await inspectImage(engine, id, { signal: stop })
      most = Math.max(most, commonPrefix(image?.layers ?? [], wanted))
    },
    signal,
  )
  return most
}

function commonPrefix(a: readonly Digest[], b: readonly Digest[]): number {
  const differs = a.findIndex((layer, at) => layer !== b[at])
  return differs < 0 ? a.length : differs
}
