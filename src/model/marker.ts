import type { Digest } from '../core/index.ts'
import { isDigest } from '../core/index.ts'
import { parseJson } from './json.ts'

/** The file in every delivered tree, `.ballast/model.json`, that says which version it is. */
export const MARKER = '.ballast/model.json'

/** The label of what Ballast makes in an Engine for a model: its name. */
export const MODEL_LABEL = 'dev.ballast.model'

export interface Marker {
  readonly model: string
  readonly digest: Digest
  readonly number: number
  /** As the person who delivered it wrote it. */
  readonly reference: string
}

export function encodeMarker({ model, digest, number, reference }: Marker): Buffer {
  return Buffer.from(`${JSON.stringify({ model, digest, number, reference }, undefined, 2)}\n`)
}

/** Undefined for anything but a marker. */
export function decodeMarker(bytes: Uint8Array): Marker | undefined {
  const { model, digest, number, reference } = parseJson(bytes) ?? {}
  if (typeof model !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined
  if (typeof number !== 'number' || typeof reference !== 'string') return undefined
  return { model, digest, number, reference }
}
