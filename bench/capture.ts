import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { CaptureResult } from '../src/workflows/capture.ts'
import { type Bench, runBench } from './bench.ts'
import { BALLAST, parseSize, rounded, run, timed, withDirectory, writeRandomFile } from './harness.ts'

const PRELOAD = fileURLToPath(new URL('bytes-read.cjs', import.meta.url))
/** So that nothing is waited for because it was written to only just now. */
const QUIET_MS = 2500

const bench: Bench<'size' | 'files' | 'changed'> = {
  title: 'Capturing a directory again',
  method:
    '`ballast capture` of a directory of random bytes, whole processes: the first time, after some of its files were written to, ' +
    'and when nothing has changed. Bytes read are all that the process has read, its own code included.',
  parameters: {
    size: { fallback: '2GiB', what: 'the directory' },
    files: { fallback: '400', what: 'in it, all of one size' },
    changed: { fallback: '5', what: 'percent of the files, in a few bytes each' },
  },
  measure: ({ size, files, changed }) =>
    withDirectory(async (directory) => {
      const [store, source] = [join(directory, 'store'), join(directory, 'run')]
      await mkdir(source)
      const count = Number(files)
      const each = Math.floor(parseSize(size) / count)
      const pathOf = (at: number): string => join(source, `part-${at}.bin`)
      for (let at = 0; at < count; at++) await writeRandomFile(pathOf(at), { size: each, seed: at + 1 })
      const capture = async (what: string): Promise<Captured> => {
        await sleep(QUIET_MS)
        return { what, ...(await captured({ directory, store, source })) }
      }
      const first = await capture('the first time')
      const writes = Math.round((count * Number(changed)) / 100)
      for (let at = 0; at < writes; at++) await writeOver(pathOf(Math.floor((at * count) / writes)))
      const second = await capture(`${writes} of ${count} files changed`)
      const third = await capture('nothing changed')
      const share = (bytes: number): number => rounded((100 * bytes) / (each * count))
      return {
        rows: [first, second, third].map(({ what, ms, newBytes, bytesRead }) => ({
          what,
          ms: Math.round(ms),
          '% of the bytes stored': share(newBytes),
          '% of the bytes read': share(bytesRead),
        })),
        bounds: [
          { what: '% stored of what changed', value: share(second.newBytes), atMost: Number(changed) + 1 },
        ],
      }
    }),
}

interface Captured {
  readonly what: string
  readonly ms: number
  readonly newBytes: number
  readonly bytesRead: number
}

async function captured({
  directory,
  store,
  source,
}: {
  readonly directory: string
  readonly store: string
  readonly source: string
}): Promise<Omit<Captured, 'what'>> {
  const report = join(directory, 'bytes-read')
  const args = ['-r', PRELOAD, BALLAST, 'capture', source, 'm', '--json', '--store', store]
  const env = { ...process.env, BENCH_BYTES_READ: report }
  const { value, ms } = await timed(() => run(process.execPath, args, { env }))
  const { newBytes } = JSON.parse(value.stdout) as CaptureResult
  return { ms, newBytes, bytesRead: Number(await readFile(report, 'utf8')) }
}

async function writeOver(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.write('changed', 0)
  } finally {
    await handle.close()
  }
}

await runBench(bench)
