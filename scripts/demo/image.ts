import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { REPOSITORY } from './sandbox.ts'

const run = promisify(execFile)
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

/**
 * What `docker build` would make of the example: its files below `/app`, as an OCI layout with one image tagged
 * `base`. Returns the layout's directory.
 */
export async function buildBaseImage(directory: string): Promise<string> {
  const root = join(directory, 'root')
  const app = join(root, 'app')
  const library = join(app, 'node_modules', 'ballast')
  await mkdir(library, { recursive: true })
  const example = join(REPOSITORY, 'examples', 'sentiment')
  for (const name of await readdir(example)) {
    if (name.endsWith('.ts') && !name.endsWith('.test.ts')) await cp(join(example, name), join(app, name))
  }
  await cp(join(REPOSITORY, 'package.json'), join(library, 'package.json'))
  await cp(join(REPOSITORY, 'dist', 'runtime'), join(library, 'dist', 'runtime'), { recursive: true })
  await writeFile(join(app, 'package.json'), '{"type":"module","private":true}\n')
  const layer = join(directory, 'layer.tar')
  await run('tar', ['-cf', layer, '-C', root, 'app'])
  return writeLayout(join(directory, 'base-image'), await readFile(layer))
}

async function writeLayout(layout: string, layer: Buffer): Promise<string> {
  const blobs = join(layout, 'blobs', 'sha256')
  await mkdir(blobs, { recursive: true })
  const put = async (
    mediaType: string,
    data: Buffer,
  ): Promise<{ mediaType: string; digest: string; size: number }> => {
    const hex = createHash('sha256').update(data).digest('hex')
    await writeFile(join(blobs, hex), data)
    return { mediaType, digest: `sha256:${hex}`, size: data.length }
  }
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const layerBlob = await put(LAYER, layer)
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = await put(
    CONFIG,
    json({
      os: 'linux',
      architecture,
      config: { WorkingDir: '/app', Cmd: ['node', 'server.ts'], ExposedPorts: { '8000/tcp': {} } },
      rootfs: { type: 'layers', diff_ids: [layerBlob.digest] },
      history: [{ created_by: 'COPY . /app' }],
    }),
  )
  const manifest = await put(
    MANIFEST,
    json({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layerBlob] }),
  )
  const tagged = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'base' } }
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [tagged] }))
  return layout
}

export interface Pulled {
  readonly bytes: number
  readonly ms: number
}

/**
 * What a node does that pulls: manifest, then every layer that `held` does not name, verified and unpacked in order
 * into `root`. Layers that are held are unpacked from the earlier pull's directory, as an engine reuses them.
 */
export async function pullImage(
  { registry, name, tag }: { readonly registry: string; readonly name: string; readonly tag: string },
  { root, cache }: { readonly root: string; readonly cache: string },
): Promise<Pulled> {
  const started = performance.now()
  const answer = await fetch(`${registry}/v2/${name}/manifests/${tag}`, { headers: { accept: MANIFEST } })
  const manifest = (await answer.json()) as { layers: { digest: string; size: number }[] }
  await rm(root, { recursive: true, force: true })
  await mkdir(root, { recursive: true })
  await mkdir(cache, { recursive: true })
  let bytes = 0
  for (const { digest, size } of manifest.layers) {
    const file = join(cache, digest.slice(7))
    if (!(await readdir(cache)).includes(digest.slice(7))) {
      await download(`${registry}/v2/${name}/blobs/${digest}`, { file, digest })
      bytes += size
    }
    await run('tar', ['-xf', file, '-C', root, '--no-same-owner'])
  }
  return { bytes, ms: performance.now() - started }
}

async function download(
  url: string,
  { file, digest }: { readonly file: string; readonly digest: string },
): Promise<void> {
  const answer = await fetch(url)
  if (!answer.ok || answer.body === null) throw new Error(`${url}: ${answer.status}`)
  const hash = createHash('sha256')
  const source = Readable.fromWeb(answer.body as import('node:stream/web').ReadableStream)
  source.on('data', (chunk: Buffer) => hash.update(chunk))
  await pipeline(source, createWriteStream(file))
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${url}: wrong digest`)
}
