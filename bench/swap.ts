import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startCountingProxy } from '../test/doubles/counting-proxy.ts'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { writeImageLayout } from '../test/fixtures/image-layout.ts'
import { ballast, median, parseSize, report, timed, withDirectory, writeRandomFile } from './harness.ts'

/**
 * Swapping the model in an image whose layers the registry has: time and request bodies, for two sizes, beside the
 * first embed of each version. `node bench/swap.ts --sizes 64MiB,4GiB --runs 9`
 */
const { values: flags } = parseArgs({
  options: { sizes: { type: 'string', default: '64MiB,4GiB' }, runs: { type: 'string', default: '9' } },
})

await withDirectory(async (directory) => {
  const registry = await startDockerRegistry()
  if (registry === undefined) throw new Error('docker-registry is not installed')
  const proxy = await startCountingProxy({ host: '127.0.0.1', port: Number(registry.host.split(':')[1]) })
  try {
    const base = join(directory, 'base')
    await writeImageLayout(base, {
      tag: 'base',
      layers: [[{ path: 'app/' }, { path: 'app/main.py', text: 'pass' }]],
    })
    const store = join(directory, 'store')
    const sizes = flags.sizes.split(',')
    const rows = []
    for (const size of sizes) {
      const name = `m${size.toLowerCase()}`
      const image = `${proxy.host}/${name}:1`
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
      rows.push({ name, image, size, first, swaps: [] as number[], sent: [] as number[] })
    }
    // Sizes alternate, so that a machine that slows down slows both.
    for (let run = 0; run < Number(flags.runs); run++) {
      for (const row of rows) {
        proxy.reset()
        const version = (run % 2) + 1
        row.swaps.push(
          (await timed(() => ballast(store, ['embed', `${row.name}:${version}`, row.image, '-t', row.image])))
            .ms,
        )
        row.sent.push(proxy.sent.blobs)
      }
    }
    const smallest = median(rows[0]?.swaps ?? [])
    report(
      'Swap of an embedded model whose layers the registry has (docker-registry on loopback)',
      rows.map(({ size, first, swaps, sent }) => ({
        size,
        'first embed, ms': Math.round(first[0] ?? 0),
        'first embed of the next version, ms': Math.round(first[1] ?? 0),
        'swap, median ms': Math.round(median(swaps)),
        'ratio to the first size': Number((median(swaps) / smallest).toFixed(2)),
        'blob bytes sent by a swap, at most': Math.max(...sent),
      })),
    )
  } finally {
    await proxy.close()
    await registry.close()
  }
})
