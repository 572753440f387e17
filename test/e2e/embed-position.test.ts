import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { lstat, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { ask, run as ballast } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { type BaseEntry, type BaseImage, writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { registryScene } from '../fixtures/registry-scene.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { describeTree, unpackImage } from '../fixtures/unpacked-image.ts'

const run = promisify(execFile)
const skip = missingParts('docker-registry', 'skopeo', 'umoci')

const USER = { uid: 1000, gid: 1000 }
/** A directory of a user that nobody else may enter, whiteouts and an opaque directory, and attributes changed later. */
const BASE: readonly (readonly BaseEntry[])[] = [
  [
    { path: 'srv/', mode: 0o755 },
    { path: 'srv/app/', mode: 0o700 },
    { path: 'srv/app/removed', text: 'x' },
    { path: 'srv/app/old/' },
    { path: 'srv/app/old/gone.bin', text: 'gone' },
    { path: 'srv/app/models/', mode: 0o711, uid: 5, gid: 6 },
    { path: 'srv/app/models/earlier.bin', text: 'of an earlier build' },
    { path: 'bin/' },
    { path: 'bin/tool', text: '#!/bin/sh\n', mode: 0o4755 },
  ],
  [
    { path: 'srv/app/', mode: 0o750, ...USER },
    { path: 'srv/app/.wh.removed', text: '' },
    { path: 'srv/app/models/.wh.earlier.bin', text: '' },
    { path: 'srv/app/old/', mode: 0o2770, ...USER },
    { path: 'srv/app/old/.wh..wh..opq', text: '' },
    { path: 'srv/app/old/kept', text: 'k', ...USER },
  ],
  [{ path: 'srv/app/code.py', text: 'pass\n', mode: 0o640, ...USER }],
]

interface World {
  readonly directory: string
  readonly store: string
  readonly host: string
  readonly files: Readonly<Record<string, string | Buffer>>
  readonly embed: (...args: readonly string[]) => Promise<Answer>
  readonly pushBase: (image: Omit<BaseImage, 'tag'>) => Promise<string>
}

interface Answer {
  readonly digest: string
  readonly bytesSent: number
  readonly layers: readonly { readonly digest: string }[]
  readonly models: readonly { readonly ref: string; readonly path: string; readonly position: string }[]
}

async function createWorld(t: TestContext): Promise<World> {
  const files = {
    'weights.bin': createRandom('embed-position').bytes(300_000),
    'config.json': '{"version":1}',
    'sub/vocab.txt': 'a b c',
  }
  const { directory, store, host } = await registryScene(t, { name: 'sentiment', contents: files })
  return {
    directory,
    store,
    host,
    files,
    embed: (...args) => ask<Answer>(['embed', ...args], { store }),
    async pushBase(image) {
      const layout = join(directory, 'base')
      await rm(layout, { recursive: true, force: true })
      await writeImageLayout(layout, { ...image, tag: 'base' })
      const to = ['--dest-tls-verify=false', `oci:${layout}:base`, `docker://${host}/base:1`]
      await run('skopeo', ['copy', '-q', ...to])
      return `${host}/base:1`
    },
  }
}

const PATH = '/srv/app/models'
const WAYS = [
  { name: 'a link, on top', options: ['--position', 'top'], real: false },
  { name: 'a link, at the bottom', options: ['--position', 'bottom'], real: false },
  { name: 'real files, on top', options: ['--real-path'], real: true },
  { name: 'real files, at the bottom', options: ['--real-path', '--position', 'bottom'], real: true },
]

test('both positions and both kinds of path give the same model files, and leave the base as it is', {
  skip,
}, async (t) => {
  const { directory, host, files, embed, pushBase } = await createWorld(t)
  const base = await pushBase({ layers: BASE })
  const before = await unpackImage(directory, { image: base, name: 'before' })
  for (const { name, options, real } of WAYS) {
    await t.test(name, async () => {
      const image = `${host}/app:1`
      const { models } = await embed(`sentiment=${PATH}`, base, '-t', image, ...options)
      assert.equal(models[0]?.path, PATH)
      const after = await unpackImage(directory, { image, name: 'after' })
      for (const [file, content] of Object.entries(files)) {
        const embedded = join(after, PATH, file)
        assert.ok((await readFile(embedded)).equals(Buffer.from(content)), `${file} is byte-identical`)
        const info = await lstat(embedded)
        assert.deepEqual([info.isFile(), info.mode & 0o7777, info.uid], [true, 0o644, 0])
      }
      const marker = await readFile(join(after, PATH, '.ballast/model.json'), 'utf8')
      assert.match(marker, /"reference": "sentiment:latest"/)
      const at = await lstat(join(after, PATH))
      if (real) assert.deepEqual([at.mode & 0o7777, at.uid, at.gid], [0o711, 5, 6])
      else assert.equal(await readlink(join(after, PATH)), '../../models/sentiment')
      const own = ['models', PATH.slice(1)]
      assert.deepEqual(await describeTree(after, own), await describeTree(before, own))
      if (real) assert.ok(!(await describeTree(after, [])).some((line) => line.startsWith('models')))
    })
  }
})

test('moving between positions sends no layer, leaves no remains, and back gives the same image', {
  skip,
}, async (t) => {
  const { directory, host, embed, pushBase } = await createWorld(t)
  const base = await pushBase({ layers: BASE })
  const image = `${host}/app:1`
  const top = await embed(`sentiment=${PATH}`, base, '-t', image)
  const bottom = await embed('sentiment', image, '-t', image, '--position', 'bottom')
  assert.equal(bottom.layers.length, top.layers.length)
  assert.notDeepEqual(bottom.layers[0], top.layers[0])
  assert.ok(bottom.bytesSent < 8192, `${bottom.bytesSent} bytes sent`)
  await writeFile(join(directory, 'model', 'config.json'), '{"version":2}')
  await ask(['add', 'sentiment', join(directory, 'model')], { store: join(directory, 'store') })
  const next = await embed('sentiment', image, '-t', image)
  assert.equal(next.models[0]?.position, 'bottom')
  assert.equal(next.layers.length, top.layers.length)
  const after = await unpackImage(directory, { image, name: 'after' })
  assert.equal(await readFile(join(after, PATH, 'config.json'), 'utf8'), '{"version":2}')
  await embed('sentiment:1', image, '-t', image)
  const back = await embed('sentiment', image, '-t', image, '--position', 'top')
  const fresh = await embed(`sentiment=${PATH}`, base, '-t', `${host}/fresh:1`)
  assert.equal(back.digest, fresh.digest)
})

test('several models in one image, one at the bottom, one on top, one as real files', { skip }, async (t) => {
  const { directory, store, host, embed, pushBase } = await createWorld(t)
  const base = await pushBase({ layers: BASE })
  await ask(['add', 'nlp/spam', join(directory, 'model')], { store })
  const image = `${host}/app:1`
  await embed('sentiment=/srv/a', 'nlp/spam=/srv/b', base, '-t', image, '--position', 'bottom')
  const third = ['--as', 'third', '--at', '/srv/c', '--real-path', '--position', 'top']
  const { models } = await embed('sentiment:1', image, '-t', image, ...third)
  assert.deepEqual(
    models.map(({ path, position }) => [path, position]),
    [
      ['/srv/a', 'bottom'],
      ['/srv/b', 'bottom'],
      ['/srv/c', 'top'],
    ],
  )
  const after = await unpackImage(directory, { image, name: 'after' })
  for (const path of ['srv/a', 'srv/b', 'srv/c']) {
    assert.equal(await readFile(join(after, path, 'config.json'), 'utf8'), '{"version":1}')
  }
  assert.ok((await lstat(join(after, 'srv/c'))).isDirectory())
})

test('a layer of the base that would delete the model at the bottom is refused with the step', {
  skip,
}, async (t) => {
  const { host, store, pushBase } = await createWorld(t)
  const again: readonly BaseEntry[] = [{ path: 'srv/app/.wh..wh..opq', text: '' }]
  const steps = ['COPY a /', 'COPY b /', 'COPY c /', 'RUN rm -rf /srv/app && mkdir /srv/app']
  const base = await pushBase({ layers: [...BASE, again], steps })
  const args = [
    'embed',
    `sentiment=${PATH}`,
    base,
    '-t',
    `${host}/app:1`,
    '--position',
    'bottom',
    '--real-path',
  ]
  const refused = { code: 4, names: ['sentiment', 'rm -rf /srv/app', '/srv/app'], next: '--position top' }
  await assertFails(args, refused, { store })
  const { stdout } = await ballast([...args.slice(0, -2), 'auto', '--real-path', '--json'], { store })
  assert.equal((JSON.parse(stdout) as Answer).models[0]?.position, 'top')
})

test('a base with a copy of the model: which step, how large, and the way out', { skip }, async (t) => {
  const { host, store, files, pushBase } = await createWorld(t)
  const copied = Object.entries(files).map(([path, content]) => {
    return { path: `app/models/${path}`, text: content.toString('latin1').slice(0, content.length) }
  })
  const layers = [[{ path: 'app/' }, { path: 'app/main.py', text: 'pass' }], copied]
  const steps = ['COPY main.py /app/ # buildkit', 'COPY models /app/models # buildkit']
  const base = await pushBase({ layers, steps })
  const args = ['embed', 'sentiment=/app/models', base, '-t', `${host}/app:1`]
  const names = ['/app/models', 'sentiment', 'COPY models /app/models', /layer [0-9a-f]{12} of \d/]
  const next = new RegExp(
    `delete the line .COPY models /app/models.*then: ballast ${args.join(' ').replace('sentiment', 'sentiment:latest')}`,
  )
  await assertFails(args, { code: 4, names: [...names, 'another version'], next }, { store })
})

test('operands that make no sense', { skip: false }, async (t) => {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  await writeFiles(join(directory, 'model'), { f: 'x' })
  await ask(['add', 'm', join(directory, 'model')], { store })
  await writeImageLayout(join(directory, 'image'), { tag: 'base', layers: BASE })
  const embed = ['embed', 'm', `oci:${directory}/image:base`, '-t', `oci:${directory}/image:out`]
  const position = { code: 2, names: ['middle'], next: 'top, bottom or auto' }
  await assertFails([...embed, '--position', 'middle'], position, { store })
  await assertFails(
    [...embed, '--real-path'],
    { code: 2, names: ['m:latest'], next: 'm:latest=/app/models' },
    { store },
  )
})
