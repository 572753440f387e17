import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ballast, median, parseSize, report, timed, withDirectory, writeRandomFile } from './harness.ts'

/**
 * Mounting a stored version with `--link`: time for two sizes, and that no byte is stored a second time.
 * `node bench/mount-link.ts --sizes 64MiB,4GiB --runs 9`
 */
const { values: flags } = parseArgs({
  options: { sizes: { type: 'string', default: '64MiB,4GiB' }, runs: { type: 'string', default: '9' } },
})

await withDirectory(async (directory) => {
  const store = join(directory, 'store')
  const rows = []
  for (const size of flags.sizes.split(',')) {
    const name = `m${size.toLowerCase()}`
    const model = join(directory, 'model')
    await mkdir(model, { recursive: true })
    await writeRandomFile(join(model, 'weights.bin'), { size: parseSize(size), seed: 1 })
    await ballast(store, ['add', name, model])
    rows.push({ name, size, times: [] as number[], added: [] as number[] })
  }
  const blobs = await inodes(join(store, 'blobs', 'sha256'))
  for (let run = 0; run < Number(flags.runs); run++) {
    for (const row of rows) {
      const target = join(directory, `${row.name}-${run}`)
      row.times.push((await timed(() => ballast(store, ['mount', row.name, target, '--link']))).ms)
      row.added.push(await bytesBeside(target, blobs))
    }
  }
  const smallest = median(rows[0]?.times ?? [])
  report(
    'mount --link of a stored version (inodes compared with the store)',
    rows.map(({ size, times, added }) => ({
      size,
      'median ms': Math.round(median(times)),
      'ratio to the first size': Number((median(times) / smallest).toFixed(2)),
      'bytes on disk that the store has not': Math.max(...added),
    })),
  )
})

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
