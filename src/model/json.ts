export type Json = Readonly<Record<string, unknown>>

/** The object that the bytes are as JSON; undefined for anything else. */
export function parseJson(bytes: Uint8Array): Json | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The object, or an empty one for anything else: optional parts of a document may be missing or null. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
