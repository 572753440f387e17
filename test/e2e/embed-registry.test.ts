import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { lstat, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { type CountingProxy, startCountingProxy } from '../doubles/counting-proxy.ts'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, run as ballast } from '../fixtures/command.ts'
import { type BaseEntry, type BaseImage, writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { describeTree, unpackImage } from '../fixtures/unpacked-image.ts'

const run = promisify(execFile)
const skip = missingParts('docker-registry', 'skopeo', 'umoci')
const LARGE = 70 * 1024 * 1024

interface World {
  readonly directory: string
  readonly store: string
  /** The registry, through a proxy that counts what is sent to it. */
  readonly proxy: CountingProxy
  readonly embed: (...args: readonly string[]) => Promise<EmbedAnswer>
  readonly pushBase: (image: Omit<BaseImage, 'tag'>) => Promise<string>
}

interface EmbedAnswer {
  readonly digest: string
  readonly bytesSent: number
}

async function createWorld(t: TestContext): Promise<World> {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const [, port] = registry.host.split(':')
  const proxy = await startCountingProxy({ host: '127.0.0.1', port: Number(port) })
  t.after(() => proxy.close())
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const random = createRandom('embed-registry')
  const model = {
    'weights.bin': random.bytes(LARGE),
    'config.json': '{"version":1}',
    'sub/vocab.txt': 'a b c',
  }
  await writeFiles(join(directory, 'model'), model)
  await ask(['add', 'sentiment', join(directory, 'model')], { store })
  return {
    directory,
    store,
    proxy,
    embed: (...args) => ask<EmbedAnswer>(['embed', ...args], { store }),
    async pushBase(image) {
      const layout = join(directory, 'base')
      await rm(layout, { recursive: true, force: true })
      await writeImageLayout(layout, { ...image, tag: 'base' })
      await run('skopeo', [
        'copy',
        '-q',
        '--dest-tls-verify=false',
        `oci:${layout}:base`,
        `docker://${proxy.host}/base:1`,
      ])
      return `${proxy.host}/base:1`
    },
  }
}

const PLAIN: readonly BaseEntry[] = [
  { path: 'app/', mode: 0o755 },
  { path: 'app/main.py', text: 'print(1)\n', mode: 0o640, uid: 1234, gid: 100 },
  { path: 'bin/' },
  { path: 'bin/tool', text: '#!/bin/sh\n', mode: 0o4755 },
]
const OWNED: readonly BaseEntry[] = [
  { path: 'srv/', mode: 0o755 },
  { path: 'srv/app/', mode: 0o750, uid: 1000, gid: 1000 },
  { path: 'srv/app/code.py', text: 'pass\n', uid: 1000, gid: 1000 },
]
const WHITEOUTS: readonly (readonly BaseEntry[])[] = [
  [
    ...PLAIN,
    { path: 'app/old/' },
    { path: 'app/old/gone.bin', text: 'gone' },
    { path: 'app/removed', text: 'x' },
  ],
  [
    { path: 'app/.wh.removed', text: '' },
    { path: 'app/old/.wh..wh..opq', text: '' },
    { path: 'app/old/kept', text: 'k' },
  ],
]

const BASES = [
  { name: 'a plain base', layers: [PLAIN], path: '/app/models', parent: 'app', mode: 0o755, uid: 0 },
  {
    name: 'a parent of mode 0750 owned by a user',
    layers: [OWNED],
    path: '/srv/app/models',
    parent: 'srv/app',
    mode: 0o750,
    uid: 1000,
  },
  {
    name: 'a base with whiteouts',
    layers: WHITEOUTS,
    path: '/app/models',
    parent: 'app',
    mode: 0o755,
    uid: 0,
  },
]

test('embedded into docker-registry, copied out by skopeo, unpacked by umoci: the model is whole and the base unchanged', {
  skip,
}, async (t) => {
  const { directory, proxy, embed, pushBase } = await createWorld(t)
  for (const { name, layers, path, parent, mode, uid } of BASES) {
    await t.test(name, async () => {
      const base = await pushBase({ layers })
      await embed(`sentiment=${path}`, base, '-t', `${proxy.host}/app:1`)
      const before = await unpackImage(directory, { image: base, name: 'before' })
      const after = await unpackImage(directory, { image: `${proxy.host}/app:1`, name: 'after' })
      for (const file of ['weights.bin', 'config.json', 'sub/vocab.txt']) {
        const embedded = await readFile(join(after, path, file))
        assert.ok(
          embedded.equals(await readFile(join(directory, 'model', file))),
          `${file} is byte-identical`,
        )
      }
      assert.match(await readlink(join(after, path)), /^(\.\.\/)+models\/sentiment$/)
      const info = await lstat(join(after, parent))
      assert.deepEqual([info.mode & 0o7777, info.uid], [mode, uid])
      assert.deepEqual(await describeTree(after, ['models', path.slice(1)]), await describeTree(before, []))
    })
  }
})

test('a VOLUME in the way is refused with the reason, and nothing is pushed', { skip }, async (t) => {
  const { proxy, store, pushBase } = await createWorld(t)
  const base = await pushBase({ layers: [PLAIN], config: { Volumes: { '/app/models': {} } } })
  proxy.reset()
  const args = ['embed', 'sentiment=/app/models', base, '-t', `${proxy.host}/app:1`]
  const { code, stderr } = await ballast(args, { store })
  assert.equal(code, 4)
  assert.match(stderr, /VOLUME \/app\/models/)
  assert.equal(proxy.sent.blobs + proxy.sent.manifests, 0)
})

test('swapping the model sends no model byte; one changed small file moves no large one', {
  skip,
}, async (t) => {
  const { directory, proxy, store, embed, pushBase } = await createWorld(t)
  const base = await pushBase({ layers: [PLAIN] })
  await embed('sentiment:1=/app/models', base, '-t', `${proxy.host}/app:1`)
  await writeFile(join(directory, 'model', 'config.json'), '{"version":2}')
  await ask(['add', 'sentiment', join(directory, 'model')], { store })
  proxy.reset()
  await embed('sentiment:2', `${proxy.host}/app:1`, '-t', `${proxy.host}/app:1`)
  t.diagnostic(
    `one small file changed: ${proxy.sent.blobs} bytes of blobs, ${proxy.sent.manifests} of manifests sent`,
  )
  assert.ok(proxy.sent.blobs < 32 * 1024, `${proxy.sent.blobs} bytes of blobs for a small change`)
  proxy.reset()
  const back = await embed('sentiment:1', `${proxy.host}/app:1`, '-t', `${proxy.host}/app:1`)
  t.diagnostic(
    `swap back: ${proxy.sent.blobs} bytes of blobs, ${proxy.sent.manifests} of manifests in ${proxy.sent.requests} requests`,
  )
  // The config may be the registry's already; layers of the model must not be among what is sent.
  assert.ok(proxy.sent.blobs < 4 * 1024, `${proxy.sent.blobs} bytes sent by a swap`)
  assert.ok(back.bytesSent < 8 * 1024)
})

test('the same inputs give the same image, in another store, time zone and umask', { skip }, async (t) => {
  const { directory, proxy, embed, pushBase } = await createWorld(t)
  const base = await pushBase({ layers: [PLAIN] })
  const first = await embed('sentiment:1=/app/models', base, '-t', `${proxy.host}/app:1`)
  const other = join(directory, 'elsewhere', 'store')
  const env = { TZ: 'Pacific/Kiritimati' }
  const umask = process.umask(0o077)
  try {
    await ask(['add', 'sentiment', join(directory, 'model')], { store: other, env })
    const args = ['embed', 'sentiment:1=/app/models', base, '-t', `${proxy.host}/other:1`]
    const second = await ask<EmbedAnswer>(args, { store: other, env })
    assert.equal(second.digest, first.digest)
  } finally {
    process.umask(umask)
  }
})
