import { createCipheriv } from 'node:crypto'
import { open } from 'node:fs/promises'

const CHUNK = 4 * 1024 * 1024

/** A file of `size` bytes that no compressor makes smaller, as weights are; the same for the same seed. */
export async function writeWeights(
  path: string,
  { size, seed }: { readonly size: number; readonly seed: number },
): Promise<void> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  const zeros = Buffer.alloc(CHUNK)
  const handle = await open(path, 'w')
  try {
    for (let left = size; left > 0; left -= CHUNK) {
      await handle.write(cipher.update(zeros.subarray(0, Math.min(CHUNK, left))))
    }
  } finally {
    await handle.close()
  }
}

/** `512MiB`, `64MB`, `1G` or plain bytes. */
export function parseSize(text: string): number {
  const [, number, unit = ''] = /^(\d+)\s*([kmg]?)i?b?$/i.exec(text) ?? []
  if (number === undefined) throw new Error(`not a size: ${text}`)
  return Number(number) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase())
}
