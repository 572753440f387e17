import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, run as ballast, start } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { savedImages, writeArchive } from '../fixtures/image-archive.ts'
import { type BaseEntry, writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { trace } from '../order/trace.ts'

const run = promisify(execFile)
const skip = missingParts('skopeo', 'umoci')
const skipRegistry = missingParts('docker-registry', 'skopeo')
const SIZE = 3 * 1024 * 1024 + 1

const APPLICATION: readonly BaseEntry[] = [
  { path: 'app/', mode: 0o750, uid: 1000, gid: 1000 },
  { path: 'app/main.py', text: 'print(1)\n', mode: 0o640, uid: 1000, gid: 1000 },
]
const TOOLS: readonly BaseEntry[] = [{ path: 'bin/' }, { path: 'bin/tool', text: '#!/bin/sh\n' }]

interface World {
  readonly directory: string
  readonly store: string
  readonly model: string
  readonly layout: string
  readonly at: (name: string) => string
  readonly embed: (base: string, result: string, ...more: readonly string[]) => Promise<EmbedAnswer>
}

interface EmbedAnswer {
  readonly image: string
  readonly digest: string
  readonly former?: string
}

async function createWorld(t: TestContext, size = SIZE): Promise<World> {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const model = join(directory, 'model')
  const weights = createRandom('embed-archive').bytes(size)
  await writeFiles(model, { 'weights.bin': weights, 'config.json': '{}', 'sub/vocab.txt': 'a b' })
  await ask(['add', 'sentiment', model], { store })
  const layout = join(directory, 'layout')
  await writeImageLayout(layout, { tag: 'base', layers: [APPLICATION, TOOLS] })
  await mkdir(join(directory, 'out'))
  return {
    directory,
    store,
    model,
    layout,
    at: (name) => join(directory, 'out', name),
    embed: (base, result, ...more) =>
      ask(['embed', 'sentiment=/app/models', base, '-t', result, ...more], { store }),
  }
}

const BASES = ['docker-archive', 'oci-archive'] as const

for (const kind of BASES) {
  test(`a base that skopeo saved as ${kind}: skopeo and umoci read the result, the model is byte-identical`, {
    skip,
  }, async (t) => {
    const { layout, model, at, embed } = await createWorld(t)
    await skopeo(`oci:${layout}:base`, `${kind}:${at('base.tar')}:localhost:5000/app:v1`)
    const before = await readFile(at('base.tar'))
    const { image } = await embed(`archive:${at('base.tar')}`, `archive:${at('out.tar')}:v2`)
    assert.equal(image, `archive:${at('out.tar')}:localhost:5000/app:v2`)
    assert.deepEqual(await readdir(at('')), ['base.tar', 'out.tar'])
    assert.ok((await readFile(at('base.tar'))).equals(before))
    const sources = [
      `oci-archive:${at('out.tar')}`,
      `oci-archive:${at('out.tar')}:v2`,
      `docker-archive:${at('out.tar')}`,
      `docker-archive:${at('out.tar')}:localhost:5000/app:v2`,
    ]
    for (const [index, source] of sources.entries()) {
      const root = await unpack(at(''), { source, name: `${index}` })
      for (const file of ['weights.bin', 'config.json', 'sub/vocab.txt']) {
        const embedded = await readFile(join(root, 'app', 'models', file))
        assert.ok(embedded.equals(await readFile(join(model, file))), `${source}: ${file} is byte-identical`)
      }
      assert.equal(await readlink(join(root, 'app', 'models')), '../models/sentiment')
      assert.equal(String(await readFile(join(root, 'app', 'main.py'))), 'print(1)\n')
      assert.equal(String(await readFile(join(root, 'bin', 'tool'))), '#!/bin/sh\n')
    }
  })
}

test('the system tar reads the result, and finds what docker load needs', { skip }, async (t) => {
  const { layout, at, embed } = await createWorld(t)
  await embed(`oci:${layout}:base`, `archive:${at('out.tar')}:web:v1`)
  await mkdir(at('plain'))
  await run('tar', ['-xf', at('out.tar'), '-C', at('plain')])
  const [saved] = JSON.parse(String(await readFile(at('plain/manifest.json'))))
  assert.deepEqual(saved.RepoTags, ['web:v1'])
  const there = await pathsIn(at('plain'))
  for (const path of [saved.Config, ...saved.Layers, 'oci-layout', 'index.json']) {
    assert.ok(there.includes(path), path)
  }
  assert.equal(
    saved.Layers.length,
    JSON.parse(String(await readFile(at(`plain/${saved.Config}`)))).rootfs.diff_ids.length,
  )
})

test('the same inputs give the same bytes, in another store, time zone and umask', async (t) => {
  const { directory, model, layout, at, embed } = await createWorld(t)
  await embed(`oci:${layout}:base`, `archive:${at('one.tar')}:web:v1`)
  const store = join(directory, 'elsewhere')
  const env = { TZ: 'Pacific/Kiritimati' }
  await ask(['add', 'sentiment', model], { store, env })
  const umask = process.umask(0o077)
  try {
    const again = [
      'embed',
      'sentiment=/app/models',
      `oci:${layout}:base`,
      '-t',
      `archive:${at('two.tar')}:web:v1`,
    ]
    await ask(again, { store, env })
  } finally {
    process.umask(umask)
  }
  assert.ok((await readFile(at('one.tar'))).equals(await readFile(at('two.tar'))))
})

test('an old docker save, one of several images in it, replaced by its own result', async (t) => {
  const { store, at, embed } = await createWorld(t)
  const images = [
    { tags: ['app:latest'], layers: [APPLICATION, TOOLS, APPLICATION] },
    { tags: ['db:latest'], layers: [TOOLS] },
  ]
  const path = await writeArchive(at('all.tar'), savedImages(images))
  const refused = ['embed', 'sentiment=/app/models', `archive:${path}`, '-t', `archive:${at('x.tar')}`]
  await assertFails(
    refused,
    { code: 4, names: [path, 'app:latest', 'db:latest'], next: /name one/ },
    { store },
  )
  const first = await embed(`archive:${path}:app:latest`, `archive:${path}`)
  assert.equal(first.image, `archive:${path}:app:latest`)
  assert.equal(first.former, undefined)
  const again = await embed(`archive:${path}`, `archive:${path}`)
  assert.equal(again.digest, first.digest)
  assert.deepEqual(await readdir(at('')), ['all.tar'])
  const [move, ...others] = await ask<{ digest: string; by: string }[]>(['history', `archive:${path}`], {
    store,
  })
  assert.deepEqual([move?.digest, move?.by, others], [first.digest, 'embed sentiment:1', []])
  const rollback = { code: 4, names: [path, 'no former image'], next: 'ballast embed REF' }
  await assertFails(['rollback', `archive:${path}`], rollback, { store })
})

test('from a registry into an archive, and from an archive into a registry and a layout', {
  skip: skipRegistry,
}, async (t) => {
  const { layout, at, embed } = await createWorld(t)
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  await skopeo(`oci:${layout}:base`, `docker://${registry.host}/app:base`, '--dest-tls-verify=false')
  const saved = await embed(`${registry.host}/app:base`, `archive:${at('out.tar')}`)
  assert.equal(saved.image, `archive:${at('out.tar')}:${registry.host}/app:base`)
  const pushed = await embed(`archive:${at('out.tar')}`, `${registry.host}/app:v1`)
  const laid = await embed(`archive:${at('out.tar')}:base`, `oci:${at('layout')}:v1`)
  assert.equal(pushed.digest, saved.digest)
  assert.equal(laid.digest, saved.digest)
})

test('kill -9 at any moment leaves the former archive or the new one, and the next embed clears up', async (t) => {
  const { store, layout, at, embed } = await createWorld(t, 48 * 1024 * 1024)
  const path = await writeArchive(at('out.tar'), savedImages([{ layers: [] }]))
  const former = await readFile(path)
  const args = ['embed', 'sentiment=/app/models', `oci:${layout}:base`, '-t', `archive:${path}`]
  const random = createRandom('kill an archive')
  const partial = async (): Promise<readonly string[]> =>
    (await readdir(at(''))).filter((name) => name.endsWith('.tmp'))
  let whilePartial = 0
  for (let round = 0; round < 6; round++) {
    for (const name of await partial()) await rm(at(name))
    const running = start(args, { store })
    while ((await partial()).length === 0 && running.child.exitCode === null) await sleep(1)
    await sleep(random.below(round * 40))
    running.kill()
    await running.ended
    if ((await partial()).length > 0) whilePartial++
    if ((await readFile(path)).equals(former)) continue
    const check = ['embed', 'sentiment=/app/m2', `archive:${path}`, '-t', `oci:${at('check')}:x`]
    const read = await ballast(check, { store })
    assert.equal(read.code, 0, read.stderr)
    await writeFile(path, former)
  }
  t.diagnostic(`${whilePartial} of 6 kills left a temporary file`)
  assert.ok(whilePartial > 0)
  await embed(`oci:${layout}:base`, `archive:${path}`)
  assert.deepEqual(
    (await readdir(at(''))).filter((name) => name !== 'check'),
    ['out.tar'],
  )
})

test('the archive is on the disk before it takes its name, and the name before the command ends', {
  skip: missingParts('strace'),
}, async (t) => {
  const { directory, store, layout, at } = await createWorld(t)
  const path = await writeArchive(at('out.tar'), savedImages([{ layers: [] }]))
  const args = ['embed', 'sentiment=/app/models', `oci:${layout}:base`, '-t', `archive:${path}`]
  const events = await trace(t, args, { file: join(directory, 'trace.txt'), store }).ended
  const inside = events.filter((event) => `${event.path}/`.startsWith(at('')))
  const renamed = inside.find((event) => event.kind === 'rename')
  assert.ok(renamed?.kind === 'rename' && renamed.path === path)
  const written = inside.filter((event) => event.kind === 'write' && event.path === renamed.from)
  const synced = inside.find((event) => event.kind === 'sync' && event.path === renamed.from)
  const named = inside.find((event) => event.kind === 'sync' && event.path === join(directory, 'out'))
  assert.ok(synced && named && written.length > 0)
  assert.ok(written.every(({ end }) => end < synced.start))
  assert.ok(synced.end < renamed.start && renamed.end < named.start)
  assert.deepEqual(
    inside.filter((event) => event.kind === 'write' && event.path !== renamed.from),
    [],
  )
})

test('an interrupted or failed embed leaves the former archive and no temporary file', async (t) => {
  const { store, layout, at } = await createWorld(t, 48 * 1024 * 1024)
  const path = await writeArchive(at('out.tar'), savedImages([{ layers: [] }]))
  const former = await readFile(path)
  const args = ['embed', 'sentiment=/app/models', `oci:${layout}:base`, '-t', `archive:${path}`]
  const running = start(args, { store })
  while ((await readdir(at(''))).length === 1 && running.child.exitCode === null) await sleep(1)
  running.child.kill('SIGINT')
  assert.equal((await running.ended).code, 130)
  assert.deepEqual(await readdir(at('')), ['out.tar'])
  assert.ok((await readFile(path)).equals(former))
})

test('errors name the archive and what to do', async (t) => {
  const { store, layout, at } = await createWorld(t)
  const embed = (base: string, result = `archive:${at('out.tar')}`): string[] => [
    'embed',
    'sentiment=/app/models',
    base,
    '-t',
    result,
  ]
  const path = await writeArchive(at('base.tar'), savedImages([{ tags: ['app:v1'], layers: [APPLICATION] }]))
  const whole = await readFile(path)
  await writeFile(at('cut.tar'), whole.subarray(0, whole.length - 3000))
  await writeFile(at('text'), 'no tar at all')
  const cases: readonly (readonly [readonly string[], number, string | RegExp, string | RegExp])[] = [
    [embed(`archive:${at('no.tar')}`), 3, 'no.tar', /docker save/],
    [embed(`archive:${at('cut.tar')}`), 4, /cut\.tar.*cut short/s, /save the image again/],
    [embed(`archive:${at('text')}`), 4, /text is not an image archive/, /docker save/],
    [embed(`archive:${layout}`), 4, layout, `oci:${layout}`],
    [embed(`archive:${path}:v2`), 3, 'v2', 'app:v1'],
    [embed(`archive:${path}:`), 2, path, 'archive:FILE'],
    [
      embed(`archive:${path}`, `archive:${at('text')}`),
      4,
      /text exists and is not an archive/,
      /another file/,
    ],
    [embed(`archive:${path}`, `archive:${at('no/out.tar')}`), 3, 'no/out.tar', /mkdir/],
    [embed(`archive:${path}`, `archive:${at('out.tar')}:App:v1`), 2, 'App:v1', /NAME:TAG/],
  ]
  for (const [args, code, name, next] of cases) {
    await assertFails(args, { code, names: [name], next }, { store })
  }
  assert.deepEqual(await readdir(at('')), ['base.tar', 'cut.tar', 'text'])
})

async function skopeo(from: string, to: string, ...more: readonly string[]): Promise<void> {
  await run('skopeo', ['--insecure-policy', 'copy', '-q', ...more, from, to])
}

async function unpack(
  directory: string,
  { source, name }: { readonly source: string; readonly name: string },
): Promise<string> {
  const layout = join(directory, `${name}-layout`)
  const bundle = join(directory, `${name}-bundle`)
  await skopeo(source, `oci:${layout}:x`)
  const rootless = process.getuid?.() === 0 ? [] : ['--rootless']
  await run('umoci', ['unpack', ...rootless, '--image', `${layout}:x`, bundle])
  return join(bundle, 'rootfs')
}
