import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { imageAccess } from '../src/cli/image-access.ts'
import { bytesContent, isBallastError } from '../src/core/index.ts'
import { publishImages } from '../src/embed/publish.ts'
import { openImage } from '../src/workflows/image-places.ts'
import { assembleOwnImage } from './image/assemble.ts'
import { bundleWhole } from './image/bundle.ts'
import { commandEntries, systemEntries } from './image/contents.ts'
import { type BuiltLayer, buildLayer } from './image/layer.ts'

/**
 * node scripts/image.ts IMAGE     makes the container image of Ballast itself, without docker build: the Node.js that runs this,
 *                                 the libraries that it needs, and the command in one bundle. IMAGE is any that embed writes:
 *                                 oci:DIR:TAG, archive:FILE:NAME:TAG, HOST/NAME:TAG, or NAME:TAG in the Engine
 */
async function main(target: string): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly version: string
  }
  const layers = await buildLayers(root, version)
  const image = assembleOwnImage(layers, version)
  const { repository, reference } = await openImage(
    target,
    imageAccess({ env: process.env, home: homedir() }),
    {
      create: true,
    },
  )
  const blobs = layers.map(({ layer: { digest, size }, bytes }) => ({
    digest,
    size,
    item: 'layer',
    heldBy: undefined,
    content: () => bytesContent(bytes),
  }))
  const images = [{ insteadOf: image.manifest.digest, image, layers: blobs }]
  const { digest } = await publishImages({ repository, reference }, { index: undefined, images })
  await repository.close?.()
  const size = layers.reduce((sum, { layer }) => sum + layer.size, 0)
  console.log(JSON.stringify({ image: target, digest, version, size }))
}

async function buildLayers(root: string, version: string): Promise<readonly BuiltLayer[]> {
  const bundle = await mkdtemp(join(tmpdir(), 'ballast-bundle-'))
  try {
    await bundleWhole(root, bundle)
    // The larger layer first: it changes with Node.js only.
    return [
      buildLayer(await systemEntries(), `node ${process.version} and its libraries`),
      buildLayer(await commandEntries(root, bundle), `ballast ${version}`),
    ]
  } finally {
    await rm(bundle, { recursive: true, force: true })
  }
}

const [target, ...others] = process.argv.slice(2)
if (target === undefined || others.length > 0) {
  console.error(
    'node scripts/image.ts IMAGE     oci:DIR:TAG, archive:FILE:NAME:TAG, HOST/NAME:TAG or NAME:TAG',
  )
  process.exitCode = 2
} else {
  await main(target).catch((error: unknown) => {
    if (!isBallastError(error)) throw error
    console.error(`image: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`)
    process.exitCode = 1
  })
}
