import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bench, runBench } from './bench.ts'
import { ballast, parseSize, rounded, run, settle, withDirectory, writeRandomFile } from './harness.ts'
import { race } from './race.ts'

/** One thread, the reading overlapping the hashing. */
const HASH = `
  const { createHash } = require('node:crypto')
  const { createReadStream } = require('node:fs')
  ;(async () => {
    for (const path of process.argv.slice(1)) {
      const hash = createHash('sha256')
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
      console.log(hash.digest('hex'))
    }
  })()`

const bench: Bench<'size' | 'files' | 'file-size' | 'runs'> = {
  title: 'Adding a model to the store',
  method:
    '`ballast add` into a new store, hashing and fsync included, against `cp --reflink=never` and `sync` of the same ' +
    'files to the same file system, and against SHA-256 of the same bytes by node:crypto in one thread. Whole processes ' +
    'in changing order, sources in the page cache; before each, the files are copied and removed once without being measured, and the disk has settled.',
  parameters: {
    size: { fallback: '1GiB', what: 'the one file of the first model' },
    files: { fallback: '200', what: 'how many files the second model has' },
    'file-size': { fallback: '5MiB', what: 'each of them' },
    runs: { fallback: '5', what: 'of each competitor' },
  },
  needs: ['cp', 'sync'],
  measure: ({ size, files, 'file-size': fileSize, runs }) =>
    withDirectory(async (directory) => {
      const models = [
        { name: `1 file of ${size}`, files: 1, size: parseSize(size) },
        { name: `${files} files of ${fileSize}`, files: Number(files), size: parseSize(fileSize) },
      ]
      const rows = []
      for (const model of models) {
        const source = join(directory, 'source')
        await mkdir(source)
        for (let at = 0; at < model.files; at++) {
          await writeRandomFile(join(source, `${at}.bin`), { size: model.size, seed: at })
        }
        const times = await measure({ source, directory, runs: Number(runs) })
        await rm(source, { recursive: true })
        rows.push({
          model: model.name,
          'ballast add, ms': rounded(times.add),
          'cp and sync, ms': rounded(times.copy),
          'SHA-256, ms': rounded(times.hash),
          'ratio to the slower': rounded(times.add / Math.max(times.copy, times.hash)),
        })
      }
      return {
        rows,
        bounds: rows.map((row) => ({
          what: `add of ${row.model} / the slower of copy and hash`,
          value: row['ratio to the slower'],
          atMost: 1.2,
        })),
      }
    }),
}

interface Scene {
  readonly source: string
  readonly directory: string
  readonly runs: number
}

async function measure({ source, directory, runs }: Scene) {
  const names = (await readdir(source)).sort()
  const sources = names.map((name) => join(source, name))
  const output = join(directory, 'output')
  const hash = (): Promise<unknown> => run(process.execPath, ['-e', HASH, ...sources])
  const work = {
    add: () => ballast(output, ['add', 'model', source]),
    async copy() {
      await run('cp', ['--reflink=never', ...sources, output])
      await run(
        'sync',
        names.map((name) => join(output, name)),
      )
    },
    hash,
  }
  // The sources into the page cache.
  await hash()
  return race(work, {
    runs,
    async before() {
      await rm(output, { recursive: true, force: true })
      await mkdir(output)
      await makeEqual({ sources, directory })
    },
  })
}

/** Each finds the memory and the disk as another copy has left them, whoever was before it: pages that are used again cost less. */
async function makeEqual({
  sources,
  directory,
}: Pick<Scene, 'directory'> & { readonly sources: readonly string[] }): Promise<void> {
  const scratch = join(directory, 'scratch')
  await mkdir(scratch)
  await run('cp', ['--reflink=never', ...sources, scratch])
  await settle(directory)
  await rm(scratch, { recursive: true })
}

await runBench(bench)
