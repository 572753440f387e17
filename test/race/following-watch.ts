import { readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { diskUsage } from '../../src/core/index.ts'

export interface Watched {
  readonly reads: number
  /** What was read of a version that was not whole, in words. */
  readonly torn: readonly string[]
  readonly mostDisk: number
}

/** Reads every link again and again as an application does, and looks what the places take on the disk, until it is ended. */
export function startWatching({
  links,
  files,
  places,
}: {
  readonly links: readonly string[]
  readonly files: readonly string[]
  readonly places: readonly string[]
}): { readonly end: () => Promise<Watched> } {
  const torn: string[] = []
  let isEnded = false
  let reads = 0
  let mostDisk = 0
  const readAll = async (): Promise<void> => {
    while (!isEnded) {
      for (const link of links) {
        const found = await stampsOf(link, files)
        if (found === undefined) continue
        reads++
        if (new Set(found).size > 1) torn.push(`${link}: ${found.join(', ')}`)
      }
      await sleep(5)
    }
  }
  const weigh = async (): Promise<void> => {
    while (!isEnded) {
      mostDisk = Math.max(mostDisk, await diskUsage(places))
      await sleep(100)
    }
  }
  const watching = Promise.all([readAll(), weigh()])
  return {
    async end() {
      isEnded = true
      await watching
      return { reads, torn, mostDisk }
    },
  }
}

/** Of all files of what the link leads to, looked up once; undefined before there is one. */
async function stampsOf(link: string, files: readonly string[]): Promise<readonly string[] | undefined> {
  const directory = await realpath(link).catch(() => undefined)
  if (directory === undefined) return undefined
  return Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(join(directory, file)).catch(() => undefined)
      return bytes === undefined ? `${file} is missing` : (bytes.toString('latin1').split('\n')[0] ?? '')
    }),
  )
}
