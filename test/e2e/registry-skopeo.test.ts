import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { bytesContent, digestOf } from '../../src/core/index.ts'
import { encodeVersion, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../../src/model/index.ts'
import { type ImageRepository, openLayout, type StoredManifest } from '../../src/oci/index.ts'
import { createStoreStorage, oneUser, openRepository, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'

const run = promisify(execFile)
const found = await run('skopeo', ['--version']).then(
  () => true,
  () => false,
)
const skip = found || process.env.BALLAST_REQUIRE_PARTS ? false : 'skopeo is not installed'

test('skopeo copies an image into the embedded registry and out again, unchanged', {
  skip,
}, async (context) => {
  const { directory, host } = await serve(context)
  const layout = await openLayout(join(directory, 'in'), { create: true })
  const manifest = await putImage(layout)
  await layout.putManifest(manifest, 'v1')

  await skopeo(
    'copy',
    '--preserve-digests',
    '--dest-tls-verify=false',
    `oci:${directory}/in:v1`,
    `docker://${host}/team/app:v1`,
  )
  assert.equal(
    await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${host}/team/app:v1`),
    `${manifest.bytes}`,
  )
  const { Digest: digest } = JSON.parse(
    await skopeo('inspect', '--tls-verify=false', `docker://${host}/team/app:v1`),
  )
  assert.equal(digest, manifest.digest)

  await skopeo(
    'copy',
    '--preserve-digests',
    '--src-tls-verify=false',
    `docker://${host}/team/app:v1`,
    `oci:${directory}/out:v2`,
  )
  const copied = await (await openLayout(join(directory, 'out'), { create: false })).getManifest('v2')
  assert.equal(copied?.digest, manifest.digest)

  const listed = await skopeo('list-tags', '--tls-verify=false', `docker://${host}/team/app`)
  assert.deepEqual(JSON.parse(listed).Tags, ['v1'])
})

test('skopeo copies from one repository to another, and deletes', { skip }, async (context) => {
  const { host } = await serve(context)
  const repository = openRepository({ host, name: 'one' })
  const manifest = await putImage(repository)
  await repository.putManifest(manifest, 'v1')
  const [from, to] = [`docker://${host}/one:v1`, `docker://${host}/two:v1`]
  await skopeo('copy', '--src-tls-verify=false', '--dest-tls-verify=false', from, to)
  assert.equal(await openRepository({ host, name: 'two' }).headManifest('v1'), manifest.digest)
  await skopeo('delete', '--tls-verify=false', to)
  assert.equal(await openRepository({ host, name: 'two' }).headManifest('v1'), undefined)
  assert.equal(await repository.headManifest('v1'), manifest.digest)
})

test('skopeo reads the manifest of a model', { skip }, async (context) => {
  const { host } = await serve(context)
  const data = Buffer.from('weights')
  const { manifest, config, version } = encodeVersion([{ path: 'a.bin', ...blobOf(data) }])
  const repository = openRepository({ host, name: 'sentiment' })
  for (const blob of [data, config]) await repository.putBlob(blobOf(blob), bytesContent(blob))
  await repository.putManifest({ mediaType: OCI_MANIFEST, digest: version.digest, bytes: manifest }, 'prod')
  for (const tag of ['prod', '1']) {
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${host}/sentiment:${tag}`)
    assert.equal(raw, `${manifest}`)
  }
})

test('skopeo logs in with a name and password', { skip }, async (context) => {
  const credentials = { username: 'ann', password: 'secret' }
  const { host } = await serve(context, credentials)
  const repository = openRepository({ host, name: 'app', credentials })
  await repository.putManifest(await putImage(repository), 'v1')
  const inspect = ['inspect', '--raw', '--tls-verify=false', `docker://${host}/app:v1`]
  await assert.rejects(skopeo(...inspect, '--no-creds'))
  assert.match(await skopeo(...inspect, '--creds', 'ann:secret'), /schemaVersion/)
})

async function serve(
  context: TestContext,
  credentials?: { readonly username: string; readonly password: string },
): Promise<{ readonly directory: string; readonly host: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-skopeo-'))
  const store = await openStore(join(directory, 'store'))
  const log = (line: string): void => console.error(line)
  const registry = await startRegistry({
    storage: createStoreStorage(store),
    users: credentials && oneUser(credentials),
    log,
  })
  context.after(async () => {
    await registry.close()
    await rm(directory, { recursive: true, force: true })
  })
  return { directory, host: registry.host }
}

async function skopeo(...parameters: readonly string[]): Promise<string> {
  const { stdout } = await run('skopeo', [...parameters], { timeout: 60_000 })
  return stdout
}

async function putImage(repository: ImageRepository): Promise<StoredManifest> {
  const layer = Buffer.alloc(1024)
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  )
  for (const data of [layer, config]) await repository.putBlob(blobOf(data), bytesContent(data))
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, ...blobOf(config) },
      layers: [{ mediaType: OCI_LAYER, ...blobOf(layer) }],
    }),
  )
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
}

function blobOf(data: Uint8Array) {
  return { digest: digestOf(data), size: data.length }
}
