import { isDigest } from '../core/index.ts'
import { type Json, objectOf, parseJson } from './json.ts'
import { decodeProof } from './proof.ts'
import {
  isGenerationId,
  isVariantName,
  type Variant,
  type VariantChange,
  type VariantRule,
  type VariantSet,
} from './variants.ts'

export function encodeVariants(set: VariantSet): string {
  return `${JSON.stringify(set, undefined, 2)}\n`
}

/** Undefined for anything that Ballast would not have written: a container may have been able to. */
export function decodeVariants(bytes: Uint8Array): VariantSet | undefined {
  const { version, model, former, ...rest } = parseJson(bytes) ?? {}
  const current = decodeChange(rest)
  if (version !== 1 || typeof model !== 'string' || current === undefined) return undefined
  const changes = listOf(former, decodeChange)
  return changes && { version, model, ...current, former: changes }
}

function decodeChange(value: unknown): VariantChange | undefined {
  const { number, time, by, variants, rules, proof: said } = objectOf(value)
  if (typeof number !== 'number' || typeof time !== 'string' || typeof by !== 'string') return undefined
  const decoded = listOf(variants, decodeVariant)
  const names = decoded?.map(({ name }) => name)
  const ruled = listOf(rules, decodeRule)
  if (decoded === undefined || names === undefined || ruled === undefined) return undefined
  if (new Set(names).size < names.length || !ruled.every(({ variant }) => names.includes(variant)))
    return undefined
  if (names.length > 0 && decoded.every(({ weight }) => weight === 0)) return undefined
  const proof = decodeProof(said)
  return { number, time, by, variants: decoded, rules: ruled, ...(proof && { proof }) }
}

function decodeVariant(value: unknown): Variant | undefined {
  const { name, weight, id, model, digest, number, reference, ofLink } = objectOf(value)
  if (typeof name !== 'string' || !isVariantName(name) || typeof id !== 'string' || !isGenerationId(id))
    return undefined
  if (typeof weight !== 'number' || !Number.isSafeInteger(weight) || weight < 0) return undefined
  if (typeof digest !== 'string' || !isDigest(digest) || typeof number !== 'number') return undefined
  if (typeof model !== 'string' || typeof reference !== 'string') return undefined
  if (ofLink !== undefined && ofLink !== true) return undefined
  return { name, weight, id, model, digest, number, reference, ...(ofLink && { ofLink }) }
}

function decodeRule(value: unknown): VariantRule | undefined {
  const { tenant, variant }: Json = objectOf(value)
  return typeof tenant === 'string' && typeof variant === 'string' ? { tenant, variant } : undefined
}

function listOf<T>(value: unknown, decode: (value: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined
  const decoded = value.map(decode).filter((one) => one !== undefined)
  return decoded.length === value.length ? decoded : undefined
}
