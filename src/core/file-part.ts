import { readSync } from 'node:fs'

/** Bytes of an open file. */
export interface FilePart {
  readonly fd: number
  readonly offset: number
  readonly length: number
}

/** In bytes. Of what is read at once, so that it is in the processor's own memory still when it is used. */
const READ_TOGETHER = 256 * 1024
/** Of a part after which others may have their turn. */
const TURN = 16 * 1024 * 1024

let memory: Buffer | undefined

/** The same bytes in parts that take milliseconds. */
export function* partsOf({ fd, offset, length }: FilePart): Generator<FilePart> {
  for (let done = 0; done < length; done += TURN) {
    yield { fd, offset: offset + done, length: Math.min(TURN, length - done) }
  }
}

/** Hands on all bytes of the part, in memory that is used again. Throws where the file ends before. */
export function readPart({ fd, offset, length }: FilePart, use: (chunk: Uint8Array) => void): void {
  memory ??= Buffer.allocUnsafeSlow(READ_TOGETHER)
  for (let done = 0; done < length; ) {
    const read = readSync(fd, memory, 0, Math.min(memory.length, length - done), offset + done)
    if (read === 0) throw new Error(`the file ends before byte ${offset + length}`)
    use(memory.subarray(0, read))
    done += read
  }
}
