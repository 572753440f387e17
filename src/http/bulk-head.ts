/** The head of an answer whose body is plain: so many bytes, and nothing else. */
export interface PlainHead {
  readonly status: number
  /** By name in lower case; of a repeated one, all values. */
  readonly headers: Readonly<Record<string, string | string[]>>
  /** Of the body, in bytes. */
  readonly length: number
  /** Whether another request may follow on the connection. */
  readonly keepsAlive: boolean
}

/**
 * Reads the head of an HTTP/1.1 answer to GET (RFC 9112), without the empty line at its end. Undefined for everything that
 * is not plainly a body of a known length: other versions, folded or malformed lines, transfer codings, two lengths.
 */
export function parsePlainHead(text: string): PlainHead | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const [, digits] = /^HTTP\/1\.1 ([2-5]\d\d)(?: [^\r\n]*)?$/.exec(first) ?? []
  const status = Number(digits)
  if (digits === undefined || status === 204 || status === 304) return undefined
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (const line of lines) {
    const [, name, value = ''] = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*([^\r\n\0]*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined) return undefined
    const key = name.toLowerCase()
    const known = headers[key]
    headers[key] = known === undefined ? value : [known, value].flat()
  }
  const { 'content-length': length, 'transfer-encoding': coding, connection = '' } = headers
  if (coding !== undefined || typeof length !== 'string' || !/^\d{1,15}$/.test(length)) return undefined
  const keepsAlive = !/\bclose\b/i.test([connection].flat().join())
  return { status, headers, length: Number(length), keepsAlive }
}
