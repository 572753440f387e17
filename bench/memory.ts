import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { writeImageLayout } from '../test/fixtures/image-layout.ts'
import { type Bench, runBench } from './bench.ts'
import { parseSize, rounded, withDirectory } from './harness.ts'
import { peakMemory } from './peak.ts'

const LIMIT_MB = 250

const bench: Bench<'size' | 'files' | 'file-size'> = {
  title: 'Peak memory of the commands',
  method:
    'The most resident memory that each process had (VmHWM at its exit, in MB of 10^6 bytes), for a model of ' +
    'one large file and for one of many small files; the second version differs in one small file.',
  parameters: {
    size: {
      fallback: '8GiB',
      what: 'the one large file; the source is sparse, what is written from it is not',
    },
    files: { fallback: '20000', what: 'how many files the other model has' },
    'file-size': { fallback: '16KiB', what: 'each of them' },
  },
  needs: ['docker-registry'],
  measure: ({ size, files, 'file-size': fileSize }) =>
    withDirectory(async (directory) => {
      const base = join(directory, 'base')
      await writeImageLayout(base, { tag: 'base', layers: [[{ path: 'app/' }]] })
      const large = await measureCommands(join(directory, 'large'), {
        base,
        write: (model) => writeLargeFile(join(model, 'weights.bin'), parseSize(size)),
      })
      const many = await measureCommands(join(directory, 'many'), {
        base,
        write: (model) => writeManyFiles(model, { count: Number(files), size: parseSize(fileSize) }),
      })
      const [largeName, manyName] = [`1 file of ${size}, MB`, `${files} files of ${fileSize}, MB`]
      return {
        rows: large.map(({ name, megabytes }, at) => ({
          command: name,
          [largeName]: rounded(megabytes),
          [manyName]: rounded(many[at]?.megabytes ?? Number.NaN),
        })),
        bounds: [
          { what: largeName, value: rounded(most(large)), atMost: LIMIT_MB },
          { what: manyName, value: rounded(most(many)), atMost: LIMIT_MB },
        ],
      }
    }),
}

interface Peak {
  readonly name: string
  readonly megabytes: number
}

/** Every command that touches a model, in the order in which a user comes to them. */
async function measureCommands(
  directory: string,
  { base, write }: { readonly base: string; readonly write: (model: string) => Promise<void> },
): Promise<readonly Peak[]> {
  const registry = await startDockerRegistry()
  if (registry === undefined) throw new Error('docker-registry is not installed')
  const model = join(directory, 'model')
  const [store, target, layout] = ['store', 'target', 'layout'].map((name) => join(directory, name))
  const peaks: Peak[] = []
  const measure = async (name: string, ...args: readonly (string | undefined)[]): Promise<void> => {
    const bytes = await peakMemory([...args, '--store', store].map(String), { directory })
    const megabytes = bytes / 1e6
    process.stderr.write(`${name}: ${rounded(megabytes)} MB\n`)
    peaks.push({ name, megabytes })
  }
  try {
    await mkdir(model, { recursive: true })
    await write(model)
    await writeFile(join(model, 'config.json'), '{"version":1}')
    await measure('add', 'add', 'model', model)
    await writeFile(join(model, 'config.json'), '{"version":2}')
    await measure('add the next version', 'add', 'model', model)
    await rm(model, { recursive: true })
    const image = `${registry.host}/model:1`
    await measure('embed, registry', 'embed', 'model:1=/app/models', `oci:${base}:base`, '-t', image)
    await measure('swap, registry', 'embed', 'model:2', image, '-t', image)
    await measure(
      'embed, layout',
      'embed',
      'model:1=/app/models',
      `oci:${base}:base`,
      '-t',
      `oci:${layout}:1`,
    )
    await rm(layout as string, { recursive: true })
    await measure('mount', 'mount', 'model:1', target)
    await measure('check', 'check', target)
    await measure('check --full', 'check', target, '--full')
    await rm(target as string, { recursive: true })
    await measure('mount --follow --once', 'mount', 'model', target, '--follow', '--once')
    await rm(target as string, { recursive: true })
    await measure('verify', 'verify')
    await measure('diff', 'diff', 'model:1', 'model:2')
    await measure('show', 'show', 'model:1')
    await measure('list', 'list')
    await measure('history', 'history', 'model')
    await measure('remove', 'remove', 'model:1')
    await measure('gc', 'gc')
    return peaks
  } finally {
    await registry.close()
    await rm(directory, { recursive: true, force: true })
  }
}

function most(peaks: readonly Peak[]): number {
  return Math.max(...peaks.map(({ megabytes }) => megabytes))
}

/** Read like any other file, and takes no room. */
async function writeLargeFile(path: string, size: number): Promise<void> {
  await writeFile(path, 'weights')
  await truncate(path, size)
}

/** A thousand a directory, each with bytes of its own. */
async function writeManyFiles(
  model: string,
  { count, size }: { readonly count: number; readonly size: number },
): Promise<void> {
  const bytes = Buffer.alloc(size, 'weights')
  for (let at = 0; at < count; at++) {
    const parent = join(model, `part-${Math.floor(at / 1000)}`)
    if (at % 1000 === 0) await mkdir(parent)
    bytes.write(`${at}`.padStart(8, '0'))
    const handle = await open(join(parent, `${at}.bin`), 'w')
    await handle.write(bytes)
    await handle.close()
  }
}

await runBench(bench)
