import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { type CountingProxy, startCountingProxy } from '../test/doubles/counting-proxy.ts'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type BaseEntry, writeImageLayout } from '../test/fixtures/image-layout.ts'
import { createRandom } from '../test/fixtures/random.ts'
import { ballast, parseSize, report, withDirectory, writeRandomFile } from './harness.ts'

/**
 * How many bytes a node pulls that has the former image, after a change of the code and of the model, with the model
 * on top and at the bottom. For Docker by its rule (a layer is there if its ChainID is), from the manifests and configs
 * in the registry; for containerd by its rule (a blob is there if its digest is), and measured with `skopeo copy` into
 * a layout that has the former image. `node bench/pulled-bytes.ts --model 256MiB --runtime 96MiB --code 2MiB`
 */
const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: '256MiB' },
    runtime: { type: 'string', default: '96MiB' },
    code: { type: 'string', default: '2MiB' },
  },
})
const run = promisify(execFile)

/** What differs from the former image: the base, the version. */
const CHANGES = [
  { change: 'code', base: 2, version: 1 },
  { change: 'weights', base: 1, version: 2 },
  { change: 'small file of the model', base: 1, version: 3 },
] as const

await withDirectory(async (directory) => {
  const registry = await startDockerRegistry()
  if (registry === undefined) throw new Error('docker-registry is not installed')
  const proxy = await startCountingProxy({ host: '127.0.0.1', port: Number(registry.host.split(':')[1]) })
  try {
    const store = join(directory, 'store')
    await addVersions(directory, store)
    for (const number of [1, 2]) await writeBase(directory, number)
    const rows = []
    for (const { change, base, version } of CHANGES) {
      for (const position of ['top', 'bottom'] as const) {
        const repository = `${proxy.host}/${change.split(' ')[0]}-${position}`
        const embed = (from: number, number: number, tag: string): Promise<unknown> => {
          const operands = [`m:${number}=/app/models`, `oci:${directory}/base${from}:base`]
          return ballast(store, ['embed', ...operands, '-t', `${repository}:${tag}`, '--position', position])
        }
        await embed(1, 1, 'former')
        await embed(base, version, 'next')
        const former = await readImage(repository, 'former')
        const next = await readImage(repository, 'next')
        rows.push({
          change,
          position,
          'image, bytes': pulled(next, () => false),
          'Docker pulls, bytes': pulled(next, ({ chainId }) => hasChain(former, chainId)),
          'containerd pulls, bytes': pulled(next, ({ digest }) => hasDigest(former, digest)),
          'skopeo measured, bytes': await measure(directory, { proxy, repository }),
        })
      }
    }
    report('Bytes that a node with the former image pulls (docker-registry on loopback)', rows)
  } finally {
    await proxy.close()
    await registry.close()
  }
})

/** Three versions: the second has other weights, the third another small file. */
async function addVersions(directory: string, store: string): Promise<void> {
  const model = join(directory, 'model')
  const size = parseSize(flags.model)
  for (const { weights, small } of [
    { weights: 1, small: 1 },
    { weights: 2, small: 1 },
    { weights: 1, small: 2 },
  ]) {
    await mkdir(model, { recursive: true })
    await writeRandomFile(join(model, 'weights.bin'), { size, seed: weights })
    await writeRandomFile(join(model, 'vocab.txt'), { size: 64 * 1024, seed: 10 + small })
    await ballast(store, ['add', 'm', model])
    await rm(model, { recursive: true })
  }
}

/** A runtime that is the same in both, and code above it that is not. */
async function writeBase(directory: string, number: number): Promise<void> {
  const file = (path: string, size: string, seed: string): BaseEntry => ({
    path,
    text: createRandom(seed).bytes(parseSize(size)).toString('latin1'),
  })
  await writeImageLayout(join(directory, `base${number}`), {
    tag: 'base',
    layers: [
      [{ path: 'usr/' }, file('usr/runtime.so', flags.runtime, 'runtime')],
      [{ path: 'app/' }, file('app/code.bin', flags.code, `code ${number}`)],
    ],
  })
}

interface PulledLayer {
  readonly digest: string
  readonly size: number
  readonly chainId: string
}

interface PulledImage {
  readonly layers: readonly PulledLayer[]
  /** Of manifest and config, which every change replaces. */
  readonly overhead: number
}

interface Descriptor {
  readonly digest: string
  readonly size: number
}

async function readImage(repository: string, tag: string): Promise<PulledImage> {
  const [host, name] = repository.split('/')
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await fetch(`http://${host}/v2/${name}/manifests/${tag}`, { headers: { accept } })
  const text = await manifest.text()
  const { config, layers } = JSON.parse(text) as { config: Descriptor; layers: readonly Descriptor[] }
  const answer = await fetch(`http://${host}/v2/${name}/blobs/${config.digest}`)
  const { rootfs } = (await answer.json()) as { rootfs: { diff_ids: readonly string[] } }
  const chainIds = chainIdsOf(rootfs.diff_ids)
  return {
    layers: layers.map(({ digest, size }, at) => ({ digest, size, chainId: chainIds[at] ?? '' })),
    overhead: Buffer.byteLength(text) + config.size,
  }
}

/** image-spec, config.md: the first is the DiffID, each other one names what lies below it too. */
function chainIdsOf(diffIds: readonly string[]): readonly string[] {
  const chainIds: string[] = []
  for (const diffId of diffIds) {
    const below = chainIds.at(-1)
    const hash = createHash('sha256').update(`${below} ${diffId}`).digest('hex')
    chainIds.push(below === undefined ? diffId : `sha256:${hash}`)
  }
  return chainIds
}

function hasChain({ layers }: PulledImage, chainId: string): boolean {
  return layers.some((layer) => layer.chainId === chainId)
}

function hasDigest({ layers }: PulledImage, digest: string): boolean {
  return layers.some((layer) => layer.digest === digest)
}

function pulled({ layers, overhead }: PulledImage, isThere: (layer: PulledLayer) => boolean): number {
  return layers.filter((layer) => !isThere(layer)).reduce((sum, { size }) => sum + size, overhead)
}

/** What the registry answers to a copy into a layout that has the former image: skopeo skips blobs that are there. */
async function measure(
  directory: string,
  { proxy, repository }: { readonly proxy: CountingProxy; readonly repository: string },
): Promise<number> {
  const layout = join(directory, 'node')
  const copy = (tag: string): Promise<unknown> => {
    // Else skopeo compresses the model's layers, and does not know them again by their digests.
    const options = ['-q', '--src-tls-verify=false', '--dest-oci-accept-uncompressed-layers']
    return run('skopeo', ['copy', ...options, `docker://${repository}:${tag}`, `oci:${layout}:${tag}`])
  }
  await copy('former')
  proxy.reset()
  await copy('next')
  await rm(layout, { recursive: true })
  return proxy.received.blobs + proxy.received.manifests
}
