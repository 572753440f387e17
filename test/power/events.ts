import { readFile } from 'node:fs/promises'

/**
 * What a disk was told, in order: a header of 16 bytes (kind, length, offset or number), then the bytes of a write. A mark
 * is what the workload notes outside of the disk, at the instant when it is sure of something.
 */
export type DiskEvent =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'flush' }
  | { readonly kind: 'mark'; readonly number: number }

const KINDS = ['write', 'flush', 'mark'] as const
const HEADER = 16

export function encodeEvent(event: DiskEvent): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(KINDS.indexOf(event.kind), 0)
  if (event.kind === 'mark') header.writeBigUInt64LE(BigInt(event.number), 8)
  if (event.kind !== 'write') return header
  header.writeUInt32LE(event.data.length, 4)
  header.writeBigUInt64LE(BigInt(event.offset), 8)
  return Buffer.concat([header, event.data])
}

export async function readEvents(path: string): Promise<readonly DiskEvent[]> {
  const bytes = await readFile(path)
  const events: DiskEvent[] = []
  for (let at = 0; at < bytes.length; ) {
    const kind = KINDS[bytes.readUInt32LE(at)]
    const length = bytes.readUInt32LE(at + 4)
    const number = Number(bytes.readBigUInt64LE(at + 8))
    at += HEADER
    if (kind === 'write') events.push({ kind, offset: number, data: bytes.subarray(at, at + length) })
    else if (kind === 'flush') events.push({ kind })
    else events.push({ kind: 'mark', number })
    at += length
  }
  return events
}
