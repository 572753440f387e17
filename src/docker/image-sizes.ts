import { type CallOptions, isBallastError } from '../core/index.ts'
import type { Engine } from './engine.ts'
import { stepOf } from './image-facts.ts'

/** What made a layer, and how many bytes it has, unpacked. Steps without a layer have none. */
export interface SizedStep {
  readonly step: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly created: number
}

export interface ImageSizes {
  /** Unpacked, all layers. */
  readonly bytes: number
  /** The base's first. */
  readonly steps: readonly SizedStep[]
  readonly labels: Readonly<Record<string, string>>
}

/** What an Engine tells without the image being read; undefined where there is no such image. */
export async function imageSizes(
  engine: Engine,
  name: string,
  { signal }: CallOptions = {},
): Promise<ImageSizes | undefined> {
  try {
    const image = await engine.call<{
      readonly Size: number
      readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null
    }>({ path: `/images/${name}/json`, signal })
    const history = await engine.call<
      readonly { readonly CreatedBy?: string; readonly Size?: number; readonly Created?: number }[] | null
    >({ path: `/images/${name}/history`, signal })
    const steps = (history ?? []).map(({ CreatedBy = '', Size = 0, Created = 0 }) => ({
      step: stepOf(CreatedBy),
      bytes: Size,
      created: Created * 1000,
    }))
    return { bytes: image.Size, steps: steps.reverse(), labels: image.Config?.Labels ?? {} }
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}
