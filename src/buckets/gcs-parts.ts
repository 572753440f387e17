import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type { Bucket as GcsBucket } from '@google-cloud/storage'
import { throwIfAborted } from '../core/index.ts'
import { type Dialect, explained } from './failures.ts'
import type { PartSink, PartUpload } from './parts.ts'

const CHUNK_SIZE = 16 * 1024 * 1024

/** A resumable upload, which takes its parts in order: whoever has a later one waits. */
export function gcsParts(
  bucket: GcsBucket,
  { key, dialect }: { readonly key: string; readonly dialect: Dialect },
): PartSink {
  async function begin(): Promise<PartUpload> {
    const stream = bucket
      .file(key)
      .createWriteStream({ resumable: true, chunkSize: CHUNK_SIZE, validation: 'crc32c' })
    // Told by whoever waits for it.
    const done = finished(stream)
    done.catch(() => undefined)
    let turn = Promise.resolve()
    const write = async (bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
      throwIfAborted(signal)
      if (!stream.write(bytes)) await Promise.race([once(stream, 'drain', { signal }), done])
    }
    return {
      part(_, bytes, signal) {
        const mine = turn.then(() => explained(dialect, signal, () => write(bytes, signal)))
        turn = mine.catch(() => undefined)
        return mine
      },
      async complete(signal) {
        stream.end()
        await explained(dialect, signal, () => done)
      },
      async abandon() {
        stream.destroy()
        await done.catch(() => undefined)
      },
    }
  }

  return {
    begin,
    async whole(bytes, signal) {
      const options = { resumable: false, validation: 'md5' }
      await explained(dialect, signal, () => bucket.file(key).save(Buffer.from(bytes), options))
    },
  }
}
