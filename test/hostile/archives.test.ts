import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { type Digest, digestOf, isBallastError, readAll, verified } from '../../src/core/index.ts'
import { configOf, decodeImage, openArchive, readInventory } from '../../src/oci/index.ts'
import { encodeHeader, encodePax } from '../../src/tar/index.ts'
import { run } from '../fixtures/command.ts'
import {
  blobPath,
  chained,
  changed,
  dataOf,
  extendedHeader,
  LAYER,
  LAYOUT,
  layoutOf,
  linked,
  manifestDigest,
  nested,
  oversized,
  paxSized,
  replaced,
  resized,
  resummed,
  SAVED,
  saved,
  withConfig,
  withLayer,
  without,
  writeParts,
} from '../fixtures/hostile-archives.ts'
import { encodeArchive, savedImages, writeArchive } from '../fixtures/image-archive.ts'
import { encodeLayer } from '../fixtures/image-layout.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

/**
 * What an archive must not be able to do: lead out of itself, pass for another image, take the memory or the time away, or
 * end in anything but an error that says what is wrong. Nothing of an archive is ever written to a disk while it is read.
 */

const LIMIT = 16 * 1024 * 1024

/** Everything that embed reads of a base. */
async function readImage(path: string): Promise<readonly Digest[]> {
  const archive = await openArchive(path)
  const manifest = await archive.getManifest('')
  assert.ok(manifest)
  const config = configOf(manifest)
  const bytes = await readAll(verified(archive.openBlob(config).open(), config), LIMIT)
  const image = decodeImage(manifest, bytes)
  for (const [at, layer] of image.layers.entries()) {
    const chunks = verified(archive.openBlob(layer).open(), layer)
    await readInventory(chunks, { diffId: image.diffIds[at] as Digest })
  }
  return [manifest.digest, ...image.layers.map(({ digest }) => digest)]
}

async function readBytes(t: TestContext, bytes: Uint8Array): Promise<readonly Digest[]> {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'inside'))
  await writeFile(join(directory, 'secret'), LAYER)
  const path = join(directory, 'inside', 'app.tar')
  await writeFile(path, bytes)
  try {
    return await readImage(path)
  } finally {
    assert.deepEqual(await pathsIn(directory), ['inside/', 'inside/app.tar', 'secret'], 'nothing is written')
  }
}

function refuses(name: string, bytes: Uint8Array | (() => Uint8Array), why: RegExp): void {
  test(name, async (t) => {
    const archive = typeof bytes === 'function' ? bytes() : bytes
    await assert.rejects(readBytes(t, archive), (error) => {
      assert.ok(isBallastError(error, 'DAMAGED') || isBallastError(error, 'REFUSED'), String(error))
      assert.match(error.message, why)
      assert.doesNotMatch(error.message, /[\x00-\x1f\x7f]/, 'nothing that a terminal would act upon')
      assert.ok(error.message.length < 500, `${error.message.length} characters`)
      return true
    })
  })
}

test('what the holes are made from is read, when it has none', async (t) => {
  assert.equal((await readBytes(t, encodeArchive(SAVED))).length, 3)
  assert.equal((await readBytes(t, encodeArchive(LAYOUT))).length, 2)
})

for (const path of [
  '../../etc/passwd',
  '/etc/passwd',
  'blobs/../../secret',
  '..',
  `${'a/'.repeat(90)}${'../'.repeat(91)}x`,
]) {
  refuses(
    `an entry called ${path.slice(0, 20)}`,
    encodeArchive([...SAVED, { path, data: 'x' }]),
    /leads out of it/,
  )
}

for (const outside of ['../secret', '../../../../etc/passwd', '/etc/passwd', 'a/../../secret']) {
  refuses(`manifest.json names ${outside} for a config`, saved({ Config: outside }), /leads out of it/)
  refuses(
    `manifest.json names ${outside} for a layer`,
    saved({ Layers: [outside, outside] }),
    /leads out of it/,
  )
  refuses(
    `a layer is a symbolic link to ${outside}`,
    withLayer({ link: `../${outside}`.replace('..//', '/') }),
    /leads out of it/,
  )
  refuses(
    `a layer is a hard link to ${outside}`,
    withLayer({ link: outside, type: 'hardlink' }),
    /leads out of it/,
  )
  refuses(`manifest.json is a link to ${outside}`, linked('manifest.json', outside), /leads out of it/)
  refuses(`index.json is a link to ${outside}`, linked('index.json', outside), /leads out of it/)
}

test('a link between layers is followed inside the archive, never on the disk', async (t) => {
  const other = { path: 'other/layer.tar', data: dataOf('layer.tar') }
  const bytes = encodeArchive([...replaced('layer.tar', { link: '../other/layer.tar' }), other])
  assert.deepEqual(await readBytes(t, bytes), await readBytes(t, encodeArchive(SAVED)))
  const directory = await temporaryDirectory(t)
  const path = await writeArchive(
    join(directory, 'app.tar'),
    replaced('layer.tar', { link: '../other/layer.tar' }),
  )
  await writeFiles(directory, { 'other/layer.tar': dataOf('layer.tar') })
  await assert.rejects(readImage(path), (error) => isBallastError(error, 'DAMAGED'))
})

refuses('a link to itself', withLayer({ link: 'layer.tar' }), /leads to no file/)
refuses(
  'links in a circle',
  encodeArchive([
    ...replaced('layer.tar', { link: '../a' }),
    { path: 'a', link: 'b' },
    { path: 'b', link: 'a' },
  ]),
  /leads to no file/,
)
refuses('a chain of a thousand links', chained(1000), /leads to no file/)
refuses('a link to nothing', withLayer({ link: '../nothing' }), /lacks/)
refuses('a layer that is a directory', withLayer({ type: 'directory', data: '' }), /lacks/)
refuses('a layer that is a device', withLayer({ type: 'other', data: '' }), /lacks/)

for (const path of ['manifest.json', './manifest.json', 'a/../manifest.json']) {
  refuses(
    `two entries called ${path}`,
    encodeArchive([...SAVED, { path, data: '[]' }]),
    /two entries called "manifest\.json"/,
  )
}
refuses(
  'two blobs of one name',
  encodeArchive([...LAYOUT, { path: blobPath(digestOf(LAYER)), data: 'x' }]),
  /two entries/,
)

refuses('a layer that is longer than its descriptor says', resized(LAYER.length - 1), /bytes expected/)
refuses('a layer that is shorter than its descriptor says', resized(LAYER.length + 1), /bytes expected/)
refuses('a negative size', resized(-1), /has no size|bytes expected/)
refuses('a size that is no number', resized('many'), /has no size|bytes expected/)
refuses('a header with a size beyond the end of the file', oversized(2 ** 33), /cut short/)
refuses('a header with the largest size that there is', oversized(Number.MAX_SAFE_INTEGER), /cut short/)
refuses('an extended header with a negative size', paxSized('-1'), /extended header/)
refuses('an extended header with a size of a hundred digits', paxSized('9'.repeat(100)), /extended header/)

refuses('a blob that is not its digest', encodeArchive(changed(digestOf(LAYER))), /bytes found have digest/)
refuses(
  'a manifest that is not its digest',
  encodeArchive(changed(manifestDigest(LAYOUT))),
  /bytes found have digest/,
)
refuses(
  'a saved layer that is not its diffID',
  withLayer({ data: encodeLayer([{ path: 'evil/' }]) }),
  /bytes found have digest/,
)
refuses(
  "a config that is not the image's",
  encodeArchive(layoutOf({ layers: [LAYER], diffIds: [digestOf('other')] })),
  /bytes found have digest/,
)
refuses(
  'more diff_ids than layers',
  encodeArchive(layoutOf({ layers: [LAYER], diffIds: [digestOf(LAYER), digestOf(LAYER)] })),
  /1 layers and 2 diff_ids/,
)
refuses('fewer layers than diff_ids', saved({ Layers: [] }), /0 layers and 2 diff_ids/)
refuses('a blob that is missing', encodeArchive(without(digestOf(LAYER))), /lacks blob/)
refuses('a manifest that is missing', encodeArchive(without(manifestDigest(LAYOUT))), /lacks the manifest/)

for (const digest of ['sha256:../../../../etc/passwd', 'md5:1', '', 7, null, `sha256:${'A'.repeat(64)}`]) {
  const index = JSON.stringify({ manifests: [{ digest, size: 1 }] })
  refuses(
    `index.json has ${JSON.stringify(digest)} for a digest`,
    encodeArchive([{ path: 'index.json', data: index }]),
    /for a sha256 digest/,
  )
}
for (const data of ['', 'null', '7', '[]', '{}', '{"manifests":{}}', '\u0000', '{"manifests":']) {
  refuses(
    `index.json is ${JSON.stringify(data)}`,
    encodeArchive([{ path: 'index.json', data }]),
    /not an image index/,
  )
}
for (const data of [
  '',
  'null',
  '{}',
  '"x"',
  '[',
  '[7]',
  '[{}]',
  '[{"Config":7,"Layers":[]}]',
  '[{"Config":"c","Layers":"x"}]',
  '[{"Config":"c","Layers":[7]}]',
]) {
  refuses(
    `manifest.json is ${data || 'empty'}`,
    encodeArchive([{ path: 'manifest.json', data }]),
    /manifest\.json/,
  )
}
test('an empty list of images', async (t) => {
  for (const [path, data] of [
    ['manifest.json', '[]'],
    ['index.json', '{"manifests":[]}'],
  ] as const) {
    const archive = await openArchive(
      await writeArchive(join(await temporaryDirectory(t), 'a.tar'), [{ path, data }]),
    )
    assert.equal(await archive.getManifest(''), undefined)
    assert.throws(
      () => archive.imageName(''),
      (error) => isBallastError(error, 'NOT_FOUND'),
    )
  }
})

test('names that a terminal would act upon are no names', async (t) => {
  const tags = ['\u001b[2Japp:v1', 'app:\nv1', 'a\u202ebc:v1', 'x'.repeat(5000)]
  const path = await writeArchive(
    join(await temporaryDirectory(t), 'a.tar'),
    savedImages([{ tags, layers: [] }]),
  )
  assert.deepEqual(await (await openArchive(path)).listTags(), [])
})
refuses(
  'an entry whose name a terminal would act upon',
  encodeArchive([{ path: '../\u001b[2J\u0007', data: '' }]),
  /\\u001b/,
)
refuses(
  'an entry outside with a name of a megabyte',
  encodeArchive([{ path: `../${'x'.repeat(1_000_000)}`, data: '' }]),
  /leads out of it/,
)

refuses(
  'an index.json of five MiB',
  encodeArchive([{ path: 'index.json', data: ' '.repeat(5 * 1024 ** 2) }]),
  /none has more than/,
)
refuses(
  'a manifest.json of five MiB',
  encodeArchive([{ path: 'manifest.json', data: ' '.repeat(5 * 1024 ** 2) }]),
  /none has more than/,
)
refuses(
  'a config of nine MiB',
  withConfig(() => ' '.repeat(9 * 1024 ** 2)),
  /none has more than/,
)
refuses(
  'a manifest of five MiB',
  encodeArchive(layoutOf({ layers: [LAYER], more: { x: 'x'.repeat(5 * 1024 ** 2) } })),
  /has \d+ bytes/,
)
refuses(
  'a manifest.json of two million brackets',
  encodeArchive([{ path: 'manifest.json', data: nested(1_000_000) }]),
  /not a list of images/,
)
refuses(
  'an index.json of two million brackets',
  encodeArchive([{ path: 'index.json', data: nested(1_000_000) }]),
  /not an image index/,
)
refuses(
  'a config of a million brackets',
  withConfig((config) => config.replace('{', `{"x":${nested(500_000)},`)),
  /diff_ids/,
)
refuses(
  'a manifest of a hundred thousand brackets',
  encodeArchive(layoutOf({ layers: [LAYER], more: { x: 'NESTED' } })),
  /manifest is not JSON/,
)
refuses(
  'a manifest.json of a million images',
  encodeArchive([{ path: 'manifest.json', data: `[${'{},'.repeat(1_000_000)}{}]` }]),
  /manifest\.json/,
)
refuses(
  'a config of a million diff_ids',
  withConfig((config) =>
    config.replace('"diff_ids":[', `"diff_ids":[${`"${digestOf('')}",`.repeat(100_000)}`),
  ),
  /diff_ids/,
)

for (const size of [2 * 1024 ** 2, 2 ** 30, 2 ** 33 - 1]) {
  refuses(
    `an extended header of ${size} bytes`,
    () => {
      const header = Buffer.from(
        encodeHeader({ path: 'pax', type: 'file', size, mode: 0o644, uid: 0, gid: 0 }),
      )
      return Buffer.concat([resummed(header, (block) => block.write('x', 156)), encodeArchive(SAVED)])
    },
    /extended header of \d+ bytes/,
  )
}

test('thousands of extended headers of a megabyte take no memory', { timeout: 120_000 }, async (t) => {
  const body = encodePax(new Map([['comment', 'x'.repeat(1_000_000)]]))
  const header = extendedHeader(body)
  const path = join(await temporaryDirectory(t), 'pax.tar')
  await writeParts(path, { part: () => header, count: 300 }, encodeArchive(SAVED))
  const { outcome, memory } = await openApart(path)
  t.diagnostic(`${outcome}, ${Math.round(memory / 1024 ** 2)} MiB`)
  assert.equal(outcome, 'opened')
  assert.ok(memory <= 250e6, `${memory} bytes`)
})

test('a million entries are refused in bounded time and memory', { timeout: 120_000 }, async (t) => {
  const path = join(await temporaryDirectory(t), 'million.tar')
  const header = Buffer.from(
    encodeHeader({ path: 'x'.repeat(90), type: 'file', size: 0, mode: 0o644, uid: 0, gid: 0 }),
  )
  const numbered = (at: number): Buffer =>
    resummed(header, (block) => block.write(String(at).padStart(8, '0'), 0))
  await writeParts(path, { part: numbered, count: 1_000_000 }, encodeArchive(SAVED))
  const started = performance.now()
  const { outcome, memory } = await openApart(path)
  t.diagnostic(`${Math.round(memory / 1024 ** 2)} MiB, ${Math.round(performance.now() - started)} ms`)
  assert.match(outcome, /^REFUSED: .*more than 50000 entries/)
  assert.ok(memory <= 250e6, `${memory} bytes`)
})

test('as many entries as there may be, with the longest names that count, fit into bounded memory', {
  timeout: 120_000,
}, async (t) => {
  const path = join(await temporaryDirectory(t), 'names.tar')
  const named = (at: number): Buffer => {
    const name = `${String(at).padStart(8, '0')}${'模'.repeat(247)}`
    return encodeHeader({ path: name, type: 'file', size: 0, mode: 0o644, uid: 0, gid: 0 })
  }
  await writeParts(path, { part: named, count: 49_900 }, encodeArchive(SAVED))
  const { outcome, memory } = await openApart(path)
  t.diagnostic(`${outcome}, ${Math.round(memory / 1024 ** 2)} MiB`)
  assert.equal(outcome, 'opened')
  assert.ok(memory <= 250e6, `${memory} bytes`)
})

for (const [name, entries] of [
  ['docker save', SAVED],
  ['a layout', LAYOUT],
] as const) {
  test(`cut at every boundary, ${name} is either refused or whole`, { timeout: 120_000 }, async (t) => {
    const directory = await temporaryDirectory(t)
    const path = join(directory, 'cut.tar')
    const bytes = encodeArchive(entries)
    await writeFile(path, bytes)
    const whole = await readImage(path)
    const lengths = Array.from({ length: bytes.length / 512 + 1 }, (_, at) => at * 512)
    let refused = 0
    for (const length of lengths.flatMap((at) => [at - 1, at, at + 1])) {
      if (length < 0 || length > bytes.length) continue
      await writeFile(path, bytes.subarray(0, length))
      try {
        assert.deepEqual(await readImage(path), whole, `${length} of ${bytes.length} bytes`)
      } catch (error) {
        assert.ok(isBallastError(error, 'DAMAGED') || isBallastError(error, 'REFUSED'), `${length}: ${error}`)
        refused++
      }
    }
    assert.ok(refused > lengths.length * 2)
    assert.deepEqual(await readdir(directory), ['cut.tar'])
  })

  test(`any byte of ${name} changed ends in an image or an error, never a bug`, {
    timeout: 120_000,
  }, async (t) => {
    const path = join(await temporaryDirectory(t), 'changed.tar')
    const bytes = encodeArchive(entries)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
        const changed = Buffer.from(bytes)
        changed[at] = byte
        await writeFile(path, changed)
        await readImage(path).catch((error: unknown) => {
          if (!isBallastError(error)) throw error
        })
      }),
      { numRuns: 400 },
    )
  })
}

test('the command ends with an explanation, whatever the archive', { timeout: 120_000 }, async (t) => {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  await writeFiles(join(directory, 'model'), { 'weights.bin': 'w' })
  assert.equal((await run(['add', 'sentiment', join(directory, 'model')], { store })).code, 0)
  const base = join(directory, 'base.tar')
  const result = join(directory, 'result.tar')
  const archives = [
    saved({ Layers: ['/etc/passwd', '/etc/passwd'] }),
    withConfig((config) => config.replace('{', `{"x":${nested(500_000)},`)),
    encodeArchive(changed(digestOf(LAYER))),
    encodeArchive(SAVED).subarray(0, 4000),
  ]
  for (const bytes of archives) {
    await writeFile(base, bytes)
    const ran = await run(['embed', 'sentiment=/app/models', `archive:${base}`, '-t', `archive:${result}`], {
      store,
    })
    assert.equal(ran.code, 4, ran.stderr)
    assert.match(ran.stderr, /^ballast: /)
    assert.doesNotMatch(ran.stderr, /^ {4}at /m)
  }
  assert.deepEqual((await readdir(directory)).sort(), ['base.tar', 'model', 'store'])
})

async function openApart(path: string): Promise<{ readonly outcome: string; readonly memory: number }> {
  const script = fileURLToPath(new URL('../fixtures/processes/open-archive.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, path], { timeout: 100_000 })
  return JSON.parse(stdout) as { outcome: string; memory: number }
}
