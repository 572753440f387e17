import { crc32 } from 'node:zlib'

export async function crcOf(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let crc = 0
  for await (const chunk of chunks) crc = crc32(chunk, crc)
  return crc
}
