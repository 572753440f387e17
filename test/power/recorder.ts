import { open } from 'node:fs/promises'
import { encodeEvent } from './events.ts'
import { serveFile } from './fuse-file.ts'

/**
 * node recorder.ts IMAGE EVENTS MOUNTPOINT: serves the image as the file MOUNTPOINT and writes down what it is told. A
 * process of its own. Its parent sends numbers, which become marks between the writes, and gets each back once it is noted.
 */
const [imagePath, eventsPath, mountpoint] = process.argv.slice(2) as [string, string, string]
const image = await open(imagePath, 'r+')
const events = await open(eventsPath, 'wx')
const { size } = await image.stat()

// One after the other, though marks come from elsewhere than writes.
let noted: Promise<unknown> = Promise.resolve()
const note = (bytes: Buffer): Promise<unknown> => {
  noted = noted.then(() => events.write(bytes))
  return noted
}

process.on('message', (number: number) => {
  void note(encodeEvent({ kind: 'mark', number })).then(() => process.send?.(number))
})

await serveFile(
  mountpoint,
  {
    size,
    read: async (offset, length) => {
      const { buffer, bytesRead } = await image.read(Buffer.alloc(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    },
    write: async (offset, data) => {
      await note(encodeEvent({ kind: 'write', offset, data }))
      await image.write(data, 0, data.length, offset)
    },
    flush: async () => void (await note(encodeEvent({ kind: 'flush' }))),
  },
  () => process.send?.('mounted'),
)
await noted
await events.close()
await image.close()
process.disconnect?.()
