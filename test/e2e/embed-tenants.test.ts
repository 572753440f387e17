import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, run as ballast } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const run = promisify(execFile)
const skip = missingParts('docker-registry', 'skopeo')
const TENANTS = Array.from({ length: 20 }, (_, at) => `t${at + 1}`)
/** From there on a file has a layer of its own. */
const MODEL_BYTES = 64 * 1024 * 1024
const ADAPTER_BYTES = 100_000

interface Embedded {
  readonly image: string
  readonly bytesSent: number
  readonly layers: readonly { readonly digest: string; readonly size: number; readonly how: string }[]
}

interface Images {
  readonly image: string
  readonly bytesSent: number
  readonly variants: readonly { readonly name: string; readonly image: string; readonly version: string }[]
}

/** A registry with a base image, and a store with a model of which each tenant has a version with an adapter of its own. */
async function createWorld(t: TestContext) {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const cwd = await temporaryDirectory(t)
  const options = { store: join(cwd, 'store'), cwd }
  const random = createRandom('tenants')
  await writeImageLayout(join(cwd, 'layout'), {
    tag: 'base',
    layers: [[{ path: 'app/' }, { path: 'app/main.py', text: random.bytes(200_000).toString('base64') }]],
  })
  await run('skopeo', [
    'copy',
    '-q',
    '--dest-tls-verify=false',
    `oci:${cwd}/layout:base`,
    `docker://${registry.host}/app:base`,
  ])
  await writeFiles(join(cwd, 'model'), { 'weights.bin': random.bytes(MODEL_BYTES), 'config.json': '{}' })
  await ask(['add', 'sentiment', './model'], options)
  for (const tenant of TENANTS) await ask(['tag', 'sentiment:1', `for-${tenant}`], options)
  for (const tenant of TENANTS) {
    await writeFiles(join(cwd, 'model'), { 'adapter.bin': random.bytes(ADAPTER_BYTES) })
    await ask(['add', `sentiment:${tenant}`, './model'], options)
  }
  const embed = (ref: string, tag: string): Promise<Embedded> =>
    ask<Embedded>(
      ['embed', `${ref}=/app/models`, `${registry.host}/app:base`, '-t', `${registry.host}/app:${tag}`],
      options,
    )
  const v1 = `${registry.host}/app:v1`
  const split = (...args: readonly string[]): Promise<Images> => ask<Images>(['split', v1, ...args], options)
  const route = (tenant: string, ...args: readonly string[]): Promise<Images> =>
    ask<Images>(['route', v1, `tenant=${tenant}`, ...args], options)
  const fails = async (args: readonly string[]) => (await ballast(args, options)).stderr
  return { v1, embed, split, route, fails, blobs: () => blobsIn(join(registry.directory, 'data')) }
}

/** The sizes of the registry's blobs, by digest. */
async function blobsIn(directory: string): Promise<ReadonlyMap<string, number>> {
  const blobs = new Map<string, number>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.name !== 'data' || !entry.isFile() || !entry.parentPath.includes('/blobs/sha256/')) continue
    const { size } = await stat(join(entry.parentPath, entry.name))
    blobs.set(entry.parentPath.split('/').at(-1) ?? '', size)
  }
  return blobs
}

function grown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): readonly number[] {
  return [...after].flatMap(([digest, size]) => (before.has(digest) ? [] : [size])).sort((a, b) => a - b)
}

test('twenty tenants over one base: an image each costs its manifest, config and placement layer', {
  skip,
}, async (t) => {
  const { v1, embed, split, route, fails, blobs } = await createWorld(t)
  const first = await embed('sentiment:1', 'v1')
  assert.ok(first.bytesSent > MODEL_BYTES)
  const before = await blobs()
  // The same version for each, under a tag of its own.
  for (const tenant of TENANTS) {
    const { bytesSent } = await embed(`sentiment:for-${tenant}`, `v1-${tenant}`)
    assert.ok(bytesSent < 20_000, `${bytesSent} bytes were sent for ${tenant}`)
  }
  const same = await blobs()
  assert.equal(grown(before, same).length, 3 * TENANTS.length)
  assert.ok(grown(before, same).every((size) => size < 20_000))
  // An adapter of each tenant's own: it and the documents, never the weights.
  for (const tenant of TENANTS) await route(tenant, `sentiment:${tenant}`)
  const own = grown(same, await blobs())
  const small = own.filter((size) => size < 20_000)
  const layers = own.filter((size) => size >= 20_000)
  assert.deepEqual([small.length <= 3 * TENANTS.length, layers.length], [true, TENANTS.length])
  assert.ok(
    layers.every((size) => size < ADAPTER_BYTES + 5000),
    `${layers}`,
  )
  const { variants } = await split()
  assert.deepEqual(
    variants.map(({ name, image }) => [name, image]),
    TENANTS.map((tenant) => [`tenant-${tenant}`, `${v1}.variant-tenant-${tenant}`]).sort(),
  )
  assert.equal(variants.find(({ name }) => name === 'tenant-t1')?.version, 'sentiment:2')

  // A new version for one of them; then it is withdrawn, and nothing of it is listed, nor any other gone.
  assert.equal((await route('t1', 'sentiment:t2')).variants[0]?.version, 'sentiment:3')
  assert.equal((await split('canary=sentiment:t3')).variants.length, TENANTS.length + 1)
  assert.equal((await route('t1', '--withdraw')).variants.length, TENANTS.length)
  assert.deepEqual(
    (await split('--withdraw', 'canary', '--withdraw', 'tenant-t2')).variants.map(({ name }) => name),
    TENANTS.slice(2)
      .map((tenant) => `tenant-${tenant}`)
      .sort(),
  )
  assert.match(await fails(['split', v1, 'stable=90']), /share requests in Compose, Kubernetes/)
  assert.match(await fails(['split', v1, '--withdraw', 'canary']), /has no variant canary/)
  assert.match(await fails(['split', v1, 'canary=other:1']), /not a version of a model that .* holds/)
  assert.match(await fails(['split', v1.replace(':v1', ':base'), 'canary=sentiment:1']), /holds no model/)
  t.diagnostic(
    `${TENANTS.length} images of one version: ${grown(before, same).reduce((sum, size) => sum + size, 0)} bytes; ` +
      `of versions with an adapter of ${ADAPTER_BYTES} bytes each: ${own.reduce((sum, size) => sum + size, 0)} bytes; ` +
      `the first image: ${first.bytesSent} bytes`,
  )
})
