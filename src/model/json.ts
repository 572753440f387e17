export type Json = Readonly<Record<string, unknown>>

/**
 * The object that the bytes are as JSON; undefined for anything else, and for what is nested more than 500 levels deep:
 * no document is, and writing one out again would exhaust the stack.
 */
export function parseJson(bytes: Uint8Array): Json | undefined {
  const value = parseJsonValue(bytes)
  return isObject(value) ? value : undefined
}

/** Like `parseJson`, for documents that are not an object. */
export function parseJsonValue(bytes: Uint8Array): unknown {
  if (depthOf(bytes) > DEEPEST) return undefined
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

/** The object, or an empty one for anything else: optional parts of a document may be missing or null. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {}
}

/** The array, or an empty one for anything else. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const DEEPEST = 500
const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = Buffer.from(
  '"\\{}[]',
) as unknown as readonly number[]

/** How far brackets are nested at most, without those inside of strings. */
function depthOf(bytes: Uint8Array): number {
  if (bytes.length <= DEEPEST) return 0
  let depth = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === BACKSLASH && inString) at++
    else if (byte === QUOTE) inString = !inString
    else if (inString) continue
    else if (byte === OPEN || byte === OPEN_LIST) deepest = Math.max(deepest, ++depth)
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--
  }
  return deepest
}
