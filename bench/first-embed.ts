import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { startCountingProxy } from '../test/doubles/counting-proxy.ts'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { writeImageLayout } from '../test/fixtures/image-layout.ts'
import { type Bench, runBench } from './bench.ts'
import {
  ballast,
  median,
  parseSize,
  rounded,
  run,
  settle,
  timed,
  withDirectory,
  writeRandomFile,
} from './harness.ts'
import { turns } from './race.ts'

const bench: Bench<'size' | 'runs' | 'swaps'> = {
  title: 'First embed of a new version, and the swap afterwards',
  method:
    '`ballast embed` of a version that was just added, its hashing included, against curl sending as many bytes, whose ' +
    "digest it is told, as one PUT to the same registry (Debian's docker-registry on loopback). Fresh bytes each time, in " +
    'the page cache, taking turns, the disk settled before each. Then two of the versions are swapped in the image back and ' +
    'forth; request bodies are counted at a proxy in between.',
  parameters: {
    size: { fallback: '1GiB', what: 'the one file of each version' },
    runs: { fallback: '3', what: 'first embeds, and uploads by curl; at least 2' },
    swaps: { fallback: '9', what: 'swaps afterwards' },
  },
  needs: ['docker-registry', 'curl', 'sync'],
  measure: ({ size, runs, swaps }) =>
    withDirectory(async (directory) => {
      const registry = await startDockerRegistry()
      if (registry === undefined) throw new Error('docker-registry is not installed')
      try {
        const world = { directory, registry: registry.host, size: parseSize(size) }
        const times = await firstTimes(world, Math.max(2, Number(runs)))
        const { ms, sent } = await swapTimes(world, Number(swaps))
        const ratio = rounded(median(times.embed) / median(times.curl))
        return {
          rows: [
            {
              size,
              'first embed, ms': rounded(median(times.embed)),
              'curl, ms': rounded(median(times.curl)),
              ratio,
              'swap, ms': rounded(median(ms)),
              'blob bytes sent by a swap, at most': Math.max(...sent),
            },
          ],
          bounds: [
            { what: 'first embed / upload by curl', value: ratio, atMost: 1.15 },
            { what: 'blob bytes sent by a swap', value: Math.max(...sent), atMost: 0 },
          ],
        }
      } finally {
        await registry.close()
      }
    }),
}

interface World {
  readonly directory: string
  /** `HOST:PORT` */
  readonly registry: string
  readonly size: number
}

async function firstTimes(world: World, runs: number): Promise<Record<'embed' | 'curl', number[]>> {
  const { directory } = world
  await writeImageLayout(join(directory, 'base'), { tag: 'base', layers: [[{ path: 'app/' }]] })
  return turns(['embed', 'curl'], {
    runs,
    async measure(name, turn) {
      // No two of all the files are alike, so that the registry has none of them.
      const model = join(directory, 'model')
      await mkdir(model)
      const file = join(model, 'weights.bin')
      await writeRandomFile(file, { size: world.size, seed: 2 * turn + (name === 'embed' ? 1 : 2) })
      const upload = await (name === 'embed' ? prepareEmbed(world, model) : prepareCurl(world, file))
      await settle(directory)
      const { ms } = await timed<unknown>(upload)
      await rm(model, { recursive: true })
      return ms
    },
  })
}

async function prepareEmbed({ directory, registry }: World, model: string): Promise<() => Promise<unknown>> {
  const store = join(directory, 'store')
  const { ref } = await ballast<{ readonly ref: string }>(store, ['add', 'model', model])
  const [base, image] = [`oci:${join(directory, 'base')}:base`, `${registry}/image:v${ref.split(':')[1]}`]
  return () => ballast(store, ['embed', `${ref}=/app/models`, base, '-t', image])
}

/** As any client of the distribution API that knows the digest: POST for a place, PUT of the bytes. */
async function prepareCurl({ registry }: World, file: string): Promise<() => Promise<unknown>> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  const digest = `sha256:${hash.digest('hex')}`
  return async () => {
    const begin = ['-sSf', '-X', 'POST', '-o', '/dev/null', '-w', '%header{location}']
    const { stdout: place } = await run('curl', [...begin, `http://${registry}/v2/plain/blobs/uploads/`])
    const url = `${place}${place.includes('?') ? '&' : '?'}digest=${digest}`
    await run('curl', [
      '-sSf',
      '-T',
      file,
      '-H',
      'Content-Type: application/octet-stream',
      '-H',
      'Expect:',
      url,
    ])
  }
}

async function swapTimes(
  { directory, registry }: World,
  swaps: number,
): Promise<{ readonly ms: readonly number[]; readonly sent: readonly number[] }> {
  const proxy = await startCountingProxy({ host: 'localhost', port: Number(registry.split(':')[1]) })
  const [ms, sent]: [number[], number[]] = [[], []]
  try {
    const image = `${proxy.host}/image:v1`
    for (let turn = 0; turn < swaps; turn++) {
      proxy.reset()
      const embed = ['embed', `model:${turn % 2 === 0 ? 2 : 1}`, image, '-t', image]
      ms.push((await timed(() => ballast(join(directory, 'store'), embed))).ms)
      sent.push(proxy.sent.blobs)
    }
  } finally {
    await proxy.close()
  }
  return { ms, sent }
}

await runBench(bench)
