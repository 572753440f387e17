/** Characters of types that have one size on every system; `l`, `g` and `P` have not, and numpy never writes them. */
const SIZES: Readonly<Record<string, number>> = {
  '?': 1,
  b: 1,
  B: 1,
  h: 2,
  H: 2,
  i: 4,
  I: 4,
  q: 8,
  Q: 8,
  e: 2,
  f: 4,
  d: 8,
  F: 8,
  D: 16,
  m: 8,
  M: 8,
}

/**
 * Bytes of an element of an array of numpy, by its type without an order of bytes: `f8`, `U10`. Undefined where that cannot be
 * told, and for what is not plain bytes.
 */
export function sizeOfNumpyType(type: string): number | undefined {
  const [, kind, size] = /^([biufcmMSUaV])(\d{1,9})$/.exec(type) ?? []
  if (size !== undefined) return Number(size) * (kind === 'U' ? 4 : 1)
  return Object.hasOwn(SIZES, type) ? SIZES[type] : undefined
}
