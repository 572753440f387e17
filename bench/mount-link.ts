import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, runBench } from './bench.ts'
import { ballast, median, parseSize, rounded, timed, withDirectory, writeRandomFile } from './harness.ts'

const bench: Bench<'sizes' | 'runs'> = {
  title: 'Mounting with `--link`',
  method:
    '`ballast mount --link` of a stored version, whole processes, sizes taking turns; inodes compared with the store: ' +
    'what is left are the few files in `.ballast/`.',
  parameters: {
    sizes: { fallback: '64MiB,4GiB', what: 'models of one file' },
    runs: { fallback: '9', what: 'mounts of each' },
  },
  measure: ({ sizes, runs }) =>
    withDirectory(async (directory) => {
      const store = join(directory, 'store')
      const models = []
      for (const size of sizes.split(',')) {
        const name = `m${size.toLowerCase()}`
        const model = join(directory, 'model')
        await mkdir(model, { recursive: true })
        await writeRandomFile(join(model, 'weights.bin'), { size: parseSize(size), seed: 1 })
        await ballast(store, ['add', name, model])
        models.push({ name, size, times: [] as number[], added: [] as number[] })
      }
      const blobs = await inodes(join(store, 'blobs', 'sha256'))
      for (let run = 0; run < Number(runs); run++) {
        for (const model of models) {
          const target = join(directory, `${model.name}-${run}`)
          model.times.push((await timed(() => ballast(store, ['mount', model.name, target, '--link']))).ms)
          model.added.push(await bytesBeside(target, blobs))
        }
      }
      const smallest = median(models[0]?.times ?? [])
      return {
        rows: models.map(({ size, times, added }) => ({
          size,
          'median ms': Math.round(median(times)),
          'ratio to the first size': rounded(median(times) / smallest),
          'bytes on disk that the store has not': Math.max(...added),
        })),
        bounds: [],
      }
    }),
}

/** Disk used below the target by files that are no blob of the store: Ballast's own few. */
async function bytesBeside(target: string, blobs: ReadonlySet<number>): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { ino, blocks } = await stat(join(entry.parentPath, entry.name))
    if (!blobs.has(ino)) bytes += blocks * 512
  }
  return bytes
}

async function inodes(directory: string): Promise<ReadonlySet<number>> {
  const infos = await Promise.all((await readdir(directory)).map((name) => stat(join(directory, name))))
  return new Set(infos.map(({ ino }) => ino))
}

await runBench(bench)
