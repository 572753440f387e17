import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Running, start } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { blobOf, filesOf } from '../fixtures/store-facts.ts'
import type { Model } from './world.ts'

/** Images as other tools find them: read from the disk or over HTTP, without Ballast's own code. */

/** A layout of one image, `base`, of an application that has its model in /app/models. */
export async function writeBase(layout: string): Promise<void> {
  await writeImageLayout(layout, {
    tag: 'base',
    layers: [[{ path: 'app/' }, { path: 'app/server.py', text: 'print("serving")\n' }]],
  })
}

interface Manifest {
  readonly config: { readonly digest: string }
  readonly layers: readonly { readonly digest: string }[]
}

/** What stands behind a tag or a digest: a manifest or a blob. */
export type ReadImage = (reference: string) => Promise<Buffer | undefined>

export interface WantedImage {
  readonly tag: string
  /** Of the model's directory in the image. */
  readonly name: string
  /** One of these is there. */
  readonly models: readonly Model[]
}

/** Every blob is there with its digest, and the layers, unpacked by `tar`, hold one of the models and the application. */
export async function assertImage(
  root: string,
  read: ReadImage,
  { tag, name, models }: WantedImage,
): Promise<void> {
  const bytes = await read(tag)
  assert.ok(bytes, `${tag} is not there`)
  const manifest = JSON.parse(bytes.toString('utf8')) as Manifest
  const scratch = await mkdtemp(join(root, 'unpacked-'))
  const unpacked = join(scratch, 'root')
  await mkdir(unpacked)
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    const blob = await read(digest)
    assert.ok(blob, `${tag} needs ${digest}, which is not there`)
    assert.equal(digestOf(blob), digest)
    if (digest === manifest.config.digest) continue
    await writeFile(join(scratch, 'layer.tar'), blob)
    await promisify(execFile)('tar', ['-xf', join(scratch, 'layer.tar'), '-C', unpacked])
  }
  const found = JSON.stringify(await filesOf(join(unpacked, 'models', name)))
  assert.ok(
    models.some(({ files }) => JSON.stringify(files) === found),
    `${tag} holds none of the versions: ${found}`,
  )
  assert.equal(await readFile(join(unpacked, 'app', 'server.py'), 'utf8'), 'print("serving")\n')
  const throughPath = JSON.stringify(await filesOf(join(unpacked, 'app', 'models', '.')))
  assert.equal(throughPath, found, 'the path leads elsewhere')
  await rm(scratch, { recursive: true })
}

export async function readFromLayout(layout: string, reference: string): Promise<Buffer | undefined> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[]
  }
  const tagged = index.manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === reference,
  )
  const digest = reference.startsWith('sha256:') ? reference : tagged?.digest
  return digest === undefined ? undefined : readFile(blobOf(layout, digest))
}

export async function readFromRegistry(
  url: string,
  name: string,
  reference: string,
): Promise<Buffer | undefined> {
  const kinds = reference.startsWith('sha256:') ? ['blobs', 'manifests'] : ['manifests']
  for (const kind of kinds) {
    const answer = await fetch(`${url}/v2/${name}/${kind}/${reference}`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    })
    const body = Buffer.from(await answer.arrayBuffer())
    if (answer.ok) return body
    assert.equal(answer.status, 404, body.toString('utf8'))
  }
  return undefined
}

/** `ballast serve --registry` over a store of its own, on a free port. */
export async function startRegistry(
  store: string,
): Promise<{ readonly running: Running; readonly url: string }> {
  const running = start(['serve', '--registry', '--listen', '127.0.0.1:0', '--json'], { store })
  const url = await new Promise<string>((resolve, reject) => {
    running.child.stdout?.on('data', () => {
      const line = running.stdout()
      if (line.includes('\n')) resolve((JSON.parse(line.slice(0, line.indexOf('\n'))) as { url: string }).url)
    })
    void running.ended.then(({ stderr }) => reject(new Error(`serve ended: ${stderr}`)))
  })
  return { running, url }
}

export function digestOf(bytes: Buffer | undefined): string {
  return bytes === undefined ? 'nothing' : `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
