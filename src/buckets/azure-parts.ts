import type { BlockBlobClient } from '@azure/storage-blob'
import { abortable } from './abortable.ts'
import { type Dialect, explained } from './failures.ts'
import { md5Bytes } from './md5.ts'
import type { PartSink } from './parts.ts'

/** Blocks, each with its MD5, which become the blob when their list is committed. */
export function azureParts(blob: BlockBlobClient, dialect: Dialect): PartSink {
  return {
    async whole(bytes, signal) {
      await explained(dialect, signal, () => blob.upload(bytes, bytes.length, abortable(signal)))
    },
    async begin() {
      const ids: string[] = []
      return {
        async part(index, bytes, signal) {
          // All of one length, as the service wants them.
          const id = Buffer.from(`part-${String(index).padStart(10, '0')}`).toString('base64')
          ids[index] = id
          const options = { abortSignal: signal, transactionalContentMD5: md5Bytes(bytes) }
          await explained(dialect, signal, () => blob.stageBlock(id, bytes, bytes.length, options))
        },
        async complete(signal) {
          await explained(dialect, signal, () => blob.commitBlockList(ids, abortable(signal)))
        },
        // Blocks that are in no blob go by themselves after a week.
        abandon: async () => undefined,
      }
    },
  }
}
