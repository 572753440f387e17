import { createHash } from 'node:crypto'

/** What servers check the bytes of a request against. */
export function md5Bytes(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest()
}
