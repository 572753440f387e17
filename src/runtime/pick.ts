import { createHash } from 'node:crypto'

/** What the choice between variants depends on, beside the key. */
export interface Weighted {
  readonly name: string
  /** A whole number; what counts is its share of all weights. 0: no key leads there. */
  readonly weight: number
}

/** Who asks. The tenant's rule comes first, then the key decides; without a key, the tenant is the key. */
export type PickRequest =
  | { readonly key: string; readonly tenant?: string | undefined }
  | { readonly key?: string | undefined; readonly tenant: string }

/**
 * Weighted rendezvous hashing (docs/runtime.md, "How a variant is picked"): the same in every process and language, and
 * a change of weights moves only keys to variants whose share has grown. Undefined where no weight is above 0.
 */
export function pickByKey<T extends Weighted>(
  variants: readonly T[],
  { salt, key }: { readonly salt: string; readonly key: string },
): T | undefined {
  const candidates = variants.filter(({ weight }) => weight > 0)
  if (candidates.length < 2) return candidates[0]
  let best: { readonly variant: T; readonly distance: bigint } | undefined
  for (const variant of candidates) {
    const distance = distanceOf(hashOf([salt, variant.name, key]))
    if (best === undefined || isNearer({ variant, distance }, best)) best = { variant, distance }
  }
  return best?.variant
}

/** The largest weight a distance wins; of equals, which are as good as impossible, the first by name. */
function isNearer(
  a: { readonly variant: Weighted; readonly distance: bigint },
  b: { readonly variant: Weighted; readonly distance: bigint },
): boolean {
  const [ours, theirs] = [BigInt(a.variant.weight) * b.distance, BigInt(b.variant.weight) * a.distance]
  return ours > theirs || (ours === theirs && a.variant.name < b.variant.name)
}

/** The first 64 bits of sha256 over the texts in UTF-8 with a zero byte between them. */
function hashOf(texts: readonly string[]): bigint {
  return createHash('sha256').update(texts.join('\0'), 'utf8').digest().readBigUInt64BE(0)
}

const FRACTION_BITS = 32
const ONE = 1n << 63n
const TWO = 1n << 64n

/**
 * -log2((hash + 1) / 2^64) in units of 2^-32, rounded up, and at least 1. In whole numbers, because the logarithms of
 * two languages differ in the last place: each squaring of a number between 1 and 2 gives one more binary digit.
 */
export function distanceOf(hash: bigint): bigint {
  let mantissa = hash + 1n
  if (mantissa === TWO) return 1n
  let log = 63n
  while (mantissa < ONE) {
    mantissa <<= 1n
    log--
  }
  for (let bit = 0; bit < FRACTION_BITS; bit++) {
    mantissa = (mantissa * mantissa) >> 63n
    log <<= 1n
    if (mantissa >= TWO) {
      mantissa >>= 1n
      log |= 1n
    }
  }
  return (64n << 32n) - log
}
