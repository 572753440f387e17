import { type Content, freeChunks } from '../core/index.ts'
import { type RetryDelays, retriedContent } from '../http/index.ts'
import type { Lanes } from './lanes.ts'
import type { PartialFile } from './partial-file.ts'
import type { Segment, Segments } from './segments.ts'

export interface ReceiveOptions {
  readonly file: PartialFile
  readonly segments: Segments
  readonly lanes: Lanes
  readonly retryDelays: RetryDelays
  readonly signal: AbortSignal
  /** So many bytes more are in the file. */
  readonly onWritten: (count: number) => void
}

/**
 * Fetches one part after the other, on a lane each, until none is left: several calls divide the work. A read that breaks
 * off is taken up where it stopped.
 */
export async function receive(content: Content, options: ReceiveOptions): Promise<void> {
  const { segments, lanes, signal, retryDelays } = options
  const retried = retriedContent(content, { delays: retryDelays, onTrouble: () => lanes.troubled() })
  for (let isOver = false; !isOver; ) {
    await lanes.use(async () => {
      const segment = segments.next()
      isOver = segment === undefined
      if (segment !== undefined) await receiveSegment(retried, segment, options)
    }, signal)
  }
}

async function receiveSegment(
  content: Content,
  segment: Segment,
  { file, segments, lanes, signal, onWritten }: ReceiveOptions,
): Promise<void> {
  const { offset } = segment
  const together = togetherOf(content.size)
  let pieces: Uint8Array[] = []
  let length = 0
  let written = performance.now()
  let writing: Promise<void> | undefined
  const write = async (): Promise<void> => {
    const [taken, at, count] = [pieces, offset + segment.done - length, length]
    pieces = []
    length = 0
    written = performance.now()
    // One write at a time goes on beside the reading.
    await writing
    writing = file.write(taken, at).then(() => {
      if (content.ownChunks) freeChunks(taken)
      onWritten(count)
    })
    writing.catch(() => undefined)
  }
  try {
    for await (const chunk of content.open({ offset, length: segment.end - offset }, signal)) {
      // Its end may have come nearer.
      const piece = chunk.subarray(0, segment.end - offset - segment.done)
      pieces.push(piece)
      length += piece.length
      segment.done += piece.length
      lanes.moved(piece.length)
      if (length >= together || performance.now() - written > KEPT_MS) await write()
      if (offset + segment.done >= segment.end) break
    }
    await write()
  } finally {
    segments.finish(segment)
    await writing
  }
}

/** In milliseconds. What a slow link has brought is not kept in memory for longer. */
const KEPT_MS = 50

/** In bytes. What is not written yet is lost in a kill, which is to be little of a small file as well. */
function togetherOf(size: number): number {
  return Math.min(Math.max(size / 2048, 64 * 1024), 512 * 1024)
}
