import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startCountingProxy } from '../test/doubles/counting-proxy.ts'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { writeImageLayout } from '../test/fixtures/image-layout.ts'
import { type Bench, runBench } from './bench.ts'
import { ballast, median, parseSize, rounded, timed, withDirectory, writeRandomFile } from './harness.ts'

const bench: Bench<'sizes' | 'runs'> = {
  title: 'Swapping an embedded model',
  method:
    "Two versions of a model of one file in an image in Debian's docker-registry on loopback, swapped back and forth, " +
    'sizes taking turns; request bodies counted at a proxy in between. Beside it the first embed of each version.',
  parameters: {
    sizes: { fallback: '64MiB,4GiB', what: 'models of one file' },
    runs: { fallback: '9', what: 'swaps of each' },
  },
  needs: ['docker-registry'],
  measure: ({ sizes, runs }) =>
    withDirectory(async (directory) => {
      const registry = await startDockerRegistry()
      if (registry === undefined) throw new Error('docker-registry is not installed')
      const proxy = await startCountingProxy({ host: '127.0.0.1', port: Number(registry.host.split(':')[1]) })
      try {
        const models: Model[] = []
        for (const size of sizes.split(','))
          models.push(await embedTwo(directory, { size, host: proxy.host }))
        // Sizes take turns, so that a machine that slows down slows both.
        for (let run = 0; run < Number(runs); run++) {
          for (const { name, image, swaps, sent } of models) {
            proxy.reset()
            const embed = ['embed', `${name}:${(run % 2) + 1}`, image, '-t', image]
            swaps.push((await timed(() => ballast(join(directory, 'store'), embed))).ms)
            sent.push(proxy.sent.blobs)
          }
        }
        const smallest = median(models[0]?.swaps ?? [])
        return {
          rows: models.map(({ size, first, swaps, sent }) => ({
            size,
            'first embed, ms': Math.round(first[0] ?? 0),
            'first embed of the next version, ms': Math.round(first[1] ?? 0),
            'swap, median ms': Math.round(median(swaps)),
            'ratio to the first size': rounded(median(swaps) / smallest),
            'blob bytes sent by a swap, at most': Math.max(...sent),
          })),
          bounds: [
            {
              what: 'blob bytes sent by a swap',
              value: Math.max(...models.flatMap(({ sent }) => sent)),
              atMost: 0,
            },
          ],
        }
      } finally {
        await proxy.close()
        await registry.close()
      }
    }),
}

interface Model {
  readonly name: string
  readonly image: string
  readonly size: string
  readonly first: readonly number[]
  readonly swaps: number[]
  readonly sent: number[]
}

async function embedTwo(
  directory: string,
  { size, host }: { readonly size: string; readonly host: string },
): Promise<Model> {
  const base = join(directory, 'base')
  const layers = [[{ path: 'app/' }, { path: 'app/main.py', text: 'pass' }]]
  await writeImageLayout(base, { tag: 'base', layers })
  const store = join(directory, 'store')
  const name = `m${size.toLowerCase()}`
  const image = `${host}/${name}:1`
  const first: number[] = []
  for (const version of [1, 2]) {
    const model = join(directory, 'model')
    await mkdir(model, { recursive: true })
    await writeRandomFile(join(model, 'weights.bin'), { size: parseSize(size), seed: version })
    await ballast(store, ['add', name, model])
    const from = version === 1 ? `oci:${base}:base` : image
    const at = version === 1 ? `${name}:1=/app/models` : `${name}:2`
    first.push((await timed(() => ballast(store, ['embed', at, from, '-t', image]))).ms)
  }
  return { name, image, size, first, swaps: [], sent: [] }
}

await runBench(bench)
