import type { CallOptions } from '../core/index.ts'
import { formatReference } from '../model/index.ts'
import type { EmbeddedModel, Image, Position } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import type { BaseFiles } from './base-files.ts'
import { type ModelToEmbed, type PlannedModel, refuseHiddenBelow, whyNotBelow } from './plan.ts'
import { choosePosition, DEFAULT_POSITION, type PositionChoice, updatesPerMonth } from './position.ts'
import type { ImagePlace } from './publish.ts'
import { modelTimes, readCodeHistory } from './update-times.ts'

/** How `auto` came to its choice. Sizes in bytes; what no history tells is null. */
export interface Pricing {
  readonly ref: string
  readonly position: Position
  readonly because: PositionChoice['because'] | 'the bottom is not possible'
  /** Why it is not possible, in words. */
  readonly refusal: string | null
  readonly modelBytes: number
  readonly baseBytes: number
  readonly codeBytes: number
  readonly modelUpdatesPerMonth: number | null
  readonly codeUpdatesPerMonth: number | null
  readonly bytesPerMonth: Readonly<Record<Position, number>> | null
}

export interface PositionedModel {
  readonly model: ModelToEmbed
  readonly planned: PlannedModel
  readonly before: EmbeddedModel | undefined
}

export interface ChoosePositionOptions extends PositionedModel {
  readonly image: Image
  readonly base: BaseFiles
  readonly result: ImagePlace & { readonly platform: string }
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * The position that was asked for, else that of the former embed, else the top; `auto` prices both (design,
 * "Position"). Throws REFUSED for the bottom where a layer of the base would hide the model.
 */
export async function positionOf(
  store: Store,
  choice: ChoosePositionOptions,
  options: CallOptions = {},
): Promise<{ readonly position: Position; readonly pricing: Pricing | undefined }> {
  const { model, planned, before, base } = choice
  if (model.position === 'auto') {
    const pricing = await price(store, choice, options)
    return { position: pricing.position, pricing }
  }
  const position = model.position ?? before?.position ?? DEFAULT_POSITION
  if (position === 'bottom') refuseHiddenBelow(planned, { base, reference: formatReference(model.reference) })
  return { position, pricing: undefined }
}

async function price(
  store: Store,
  { model, planned, before, base, image, result, now }: ChoosePositionOptions,
  options: CallOptions,
): Promise<Pricing> {
  const code = await readCodeHistory(image, result, options)
  const current = before ?? code.models.find(({ name }) => name === planned.name)
  const facts = {
    modelBytes: sizeOf(planned.files),
    baseBytes: sizeOf(base.layers),
    codeBytes: sizeOf(code.changed),
    modelUpdates: updatesPerMonth(await modelTimes(store, model.reference), now),
    codeUpdates: updatesPerMonth(code.times, now),
    current: current?.position,
  }
  const choice = choosePosition(facts)
  const refusal = choice.position === 'bottom' ? whyNotBelow(planned, base) : undefined
  return {
    ref: formatReference(model.reference),
    position: refusal === undefined ? choice.position : 'top',
    because: refusal === undefined ? choice.because : 'the bottom is not possible',
    refusal: refusal ?? null,
    modelBytes: facts.modelBytes,
    baseBytes: facts.baseBytes,
    codeBytes: facts.codeBytes,
    modelUpdatesPerMonth: facts.modelUpdates ?? null,
    codeUpdatesPerMonth: facts.codeUpdates ?? null,
    bytesPerMonth: wholeBytes(choice.bytesPerMonth),
  }
}

function wholeBytes(bytes: PositionChoice['bytesPerMonth']): Pricing['bytesPerMonth'] {
  return bytes === undefined ? null : { top: Math.round(bytes.top), bottom: Math.round(bytes.bottom) }
}

function sizeOf(blobs: readonly { readonly size: number }[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0)
}
