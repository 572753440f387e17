import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyFiles, fileWith } from '../../test/fixtures/version-files.ts'
import { type Digest, digestOf } from '../core/index.ts'
import { childrenOf, followedFrom, LARGEST_MANIFEST } from './descriptors.ts'
import { checkVersion, completeVersion, decodeManifest, encodeVersion, mayBeManifest } from './manifest.ts'
import type { ModelFile, Version } from './version.ts'

const decodeVersion = (bytes: Uint8Array): Version => completeVersion(decodeManifest(bytes))

/**
 * Written out, because it is what is published: another implementation must arrive at these very bytes, and every
 * version in every store and registry would be another one if they changed.
 */
const CONFIG_DIGEST = 'sha256:a85e552fad26c26c6fb6e9c46f96fd2d0716eea8d07eca2dffe0332bd681f727'
const VERSION_DIGEST = 'sha256:9272134eb9a51a097911ae1ac0c22f25d1e30f7a4bade5e1bfab96043496f62f'
const SMALL_FILE = 'sha256:3211f3d352cd8ccd038c41d6f6e134af1bcd1d6697b889d290d845ed202367fc'
const BINARY_FILE = 'sha256:7ea646958715ed687aa9ac2f5d785feb1a93411f4f25fdd6c7fcc6ab07fdf0e3'
const CONFIG = `{"descriptor":{},"modelfs":{"type":"layers","diffIds":["${SMALL_FILE}","${BINARY_FILE}"]},"config":{}}`
const MANIFEST =
  '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
  '"artifactType":"application/vnd.cncf.model.manifest.v1+json",' +
  `"config":{"mediaType":"application/vnd.cncf.model.config.v1+json","digest":"${CONFIG_DIGEST}","size":217},` +
  `"layers":[{"mediaType":"application/vnd.cncf.model.weight.v1.raw","digest":"${SMALL_FILE}","size":14,` +
  '"annotations":{"org.cncf.model.file.metadata+json":"{\\"name\\":\\"config.json\\",\\"mode\\":420,\\"uid\\":0,' +
  '\\"gid\\":0,\\"size\\":14,\\"mtime\\":\\"1970-01-01T00:00:00Z\\",\\"typeflag\\":0}",' +
  '"org.cncf.model.filepath":"config.json","org.opencontainers.image.title":"config.json"}},' +
  `{"mediaType":"application/vnd.cncf.model.weight.v1.raw","digest":"${BINARY_FILE}","size":6,` +
  '"annotations":{"org.cncf.model.file.metadata+json":"{\\"name\\":\\"model.bin\\",\\"mode\\":420,\\"uid\\":0,' +
  '\\"gid\\":0,\\"size\\":6,\\"mtime\\":\\"1970-01-01T00:00:00Z\\",\\"typeflag\\":0}",' +
  '"org.cncf.model.filepath":"weights/model.bin","org.opencontainers.image.title":"weights/model.bin"}}]}'

const VECTOR_FILES = [
  fileWith('weights/model.bin', Buffer.from([0, 1, 2, 3, 254, 255])),
  fileWith('config.json', Buffer.from('{"classes":2}\n')),
]

test('the published files give the published manifest, config and digest', () => {
  const { version, manifest, config, configDigest } = encodeVersion(VECTOR_FILES)
  assert.equal(config.toString(), CONFIG)
  assert.equal(manifest.toString(), MANIFEST)
  assert.equal(configDigest, CONFIG_DIGEST)
  assert.equal(version.digest, VERSION_DIGEST)
  assert.equal(`sha256:${createHash('sha256').update(MANIFEST).digest('hex')}`, VERSION_DIGEST)
})

test('the test vector for other implementations says the same', async () => {
  const url = new URL('../../test/fixtures/version-vector.json', import.meta.url)
  const vector = JSON.parse(await readFile(url, 'utf8')) as {
    files: { path: string; base64: string; size: number; digest: string }[]
  } & Record<'config' | 'configDigest' | 'manifest' | 'digest', string>
  const files = vector.files.map(({ path, base64 }) => fileWith(path, Buffer.from(base64, 'base64')))
  assert.deepEqual(
    files,
    vector.files.map(({ path, size, digest }) => ({ path, digest, size })),
  )
  assert.deepEqual(files, encodeVersion(VECTOR_FILES).version.files)
  assert.deepEqual(
    [vector.config, vector.configDigest, vector.manifest, vector.digest],
    [CONFIG, CONFIG_DIGEST, MANIFEST, VERSION_DIGEST],
  )
})

test('identity does not depend on the order of the input', () => {
  fc.assert(
    fc.property(anyFiles(), fc.infiniteStream(fc.nat()), (files, random) => {
      const shuffled = files
        .map((file) => ({ file, key: random.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ file }) => file)
      assert.deepEqual(encodeVersion(shuffled), encodeVersion(files))
    }),
  )
})

test('identity changes with every path, every byte and every file more', () => {
  fc.assert(
    fc.property(anyFiles(), fc.nat(), (files, at) => {
      const { digest } = encodeVersion(files).version
      const index = at % files.length
      const change = (other: Partial<ModelFile>): Digest =>
        encodeVersion(files.map((file, i) => (i === index ? { ...file, ...other } : file))).version.digest
      assert.notEqual(change({ path: 'another-name' }), digest)
      assert.notEqual(change({ digest: digestOf('other bytes') }), digest)
      assert.notEqual(encodeVersion([...files, fileWith('one-more', 'x')]).version.digest, digest)
    }),
  )
})

test('a manifest reads back as the version it was made from', () => {
  fc.assert(
    fc.property(anyFiles(), (files) => {
      const { version, manifest } = encodeVersion(files)
      assert.deepEqual(decodeVersion(manifest), version)
    }),
  )
})

test('files are in the order of their UTF-8 bytes, characters beyond the BMP last', () => {
  const paths = ['\u{1f600}', '\uff5e', 'b', 'B', 'a/b', 'a-b', 'a.b', 'ä', '\u{1f600}y']
  const { files } = encodeVersion(paths.map((path) => fileWith(path, path))).version
  assert.deepEqual(
    files.map(({ path }) => path),
    ['B', 'a-b', 'a.b', 'a/b', 'b', 'ä', '\uff5e', '\u{1f600}', '\u{1f600}y'],
  )
})

test('no files, two files of one name, and a file that is also a directory are refused', () => {
  assert.throws(() => encodeVersion([]), { code: 'REFUSED', message: /at least one file/ })
  assert.throws(() => encodeVersion([fileWith('a', '1'), fileWith('a', '2')]), {
    message: /two files called "a"/,
  })
  for (const paths of [
    ['a', 'a/b'],
    ['x/y/z', 'x/y'],
    ['a', 'a-', 'a/b/c'],
  ]) {
    assert.throws(() => encodeVersion(paths.map((path) => fileWith(path, path))), {
      code: 'REFUSED',
      message: /both a file and a directory/,
    })
  }
})

const layer = {
  mediaType: 'application/vnd.cncf.model.weight.v1.raw',
  digest: SMALL_FILE,
  size: 14,
  annotations: { 'org.cncf.model.filepath': 'config.json' },
}
const hostile: readonly (readonly [string, unknown])[] = [
  ['no manifest', {}],
  ['an array', []],
  ['null', null],
  ['another artifact', valid({ artifactType: 'application/vnd.oci.empty.v1+json' })],
  ['no schema version, which gc would not follow', valid({ schemaVersion: undefined })],
  ['a config without a size, which gc would not follow', valid({ config: { digest: CONFIG_DIGEST } })],
  ['layers that are no list', valid({ layers: { 0: layer } })],
  ['a layer that is null', valid({ layers: [null] })],
  ['a layer that is a text', valid({ layers: ['config.json'] })],
  ['a layer of another type', valid({ layers: [{ ...layer, mediaType: 'application/x-tar' }] })],
  ['a short digest', valid({ layers: [{ ...layer, digest: 'sha256:abc' }] })],
  ['a digest that is a path', valid({ layers: [{ ...layer, digest: 'sha256:../../../../etc/passwd' }] })],
  ['another algorithm', valid({ layers: [{ ...layer, digest: `sha512:${'0'.repeat(128)}` }] })],
  ['a negative size', valid({ layers: [{ ...layer, size: -1 }] })],
  ['a fraction of a byte', valid({ layers: [{ ...layer, size: 0.5 }] })],
  ['a size as text', valid({ layers: [{ ...layer, size: '14' }] })],
  ['a size that no double holds', valid({ layers: [{ ...layer, size: 2 ** 53 }] })],
  ['no annotations', valid({ layers: [{ ...layer, annotations: undefined }] })],
  [
    'a path that is a number',
    valid({ layers: [{ ...layer, annotations: { 'org.cncf.model.filepath': 7 } }] }),
  ],
]

for (const [what, manifest] of hostile) {
  test(`a manifest with ${what} is not read`, () => {
    assert.throws(() => decodeVersion(Buffer.from(JSON.stringify(manifest))), { code: 'DAMAGED' })
  })
}

for (const path of ['../escape', '/etc/passwd', '.ballast/model.json', 'a//b', '']) {
  test(`a manifest with the path ${JSON.stringify(path)} is refused`, () => {
    const manifest = valid({ layers: [{ ...layer, annotations: { 'org.cncf.model.filepath': path } }] })
    assert.throws(() => decodeVersion(Buffer.from(JSON.stringify(manifest))), { code: 'REFUSED' })
  })
}

test('no bytes make reading a manifest fail otherwise than by an explained error', () => {
  const anything = fc.oneof(
    fc.uint8Array(),
    fc.json().map(Buffer.from),
    fc.object().map((o) => Buffer.from(JSON.stringify(valid(o)))),
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      for (const read of [decodeVersion, childrenOf]) {
        try {
          read(bytes)
        } catch (error) {
          assert.match((error as { code?: string }).code ?? `${error}`, /^(?:DAMAGED|REFUSED)$/)
        }
      }
    }),
  )
})

test('a manifest of another tool, with layers in another order, is read in path order', () => {
  const named = (path: string): unknown => ({ ...layer, annotations: { 'org.cncf.model.filepath': path } })
  const manifest = Buffer.from(JSON.stringify(valid({ layers: [named('b'), named('a')] })))
  const { files, digest } = decodeVersion(manifest)
  assert.deepEqual(
    files.map(({ path }) => path),
    ['a', 'b'],
  )
  assert.equal(digest, digestOf(manifest))
})

test('what is read as a manifest is followed, white space before it or not', () => {
  for (const space of ['', '\n', ' \t\r\n', ' '.repeat(10_000)]) {
    const manifest = Buffer.from(`${space}${JSON.stringify(valid({}))}`)
    assert.deepEqual(decodeVersion(manifest).files.length, 1)
    assert.deepEqual(followedFrom(manifest), childrenOf(manifest))
    assert.ok(mayBeManifest(manifest.subarray(0, 4096)))
  }
  for (const other of ['[]', '"{}"', '\u00a0{}', '\ufeff{}']) assert.ok(!mayBeManifest(Buffer.from(other)))
  for (const other of ['[]', '{}', '{"schemaVersion":1}', '{"schemaVersion":2,"layers":[{}]}', '']) {
    assert.deepEqual(followedFrom(Buffer.from(other)), [])
  }
})

test('a manifest that is too large to be followed is neither written nor read', () => {
  const large = Buffer.from(JSON.stringify(valid({ annotations: { x: 'x'.repeat(LARGEST_MANIFEST) } })))
  assert.deepEqual(followedFrom(large), [])
  assert.throws(() => decodeVersion(large), { code: 'DAMAGED' })
  const files = Array.from({ length: 1000 }, (_, i) => fileWith(`${'d/'.repeat(1000)}${i}`, 'same'))
  assert.throws(() => encodeVersion(files), { code: 'REFUSED' })
})

test('what is checked before anything is stored is what would be refused afterwards', () => {
  const sizes = (
    count: number,
    path: (at: number) => string,
    size: number,
  ): { path: string; size: number }[] => Array.from({ length: count }, (_, at) => ({ path: path(at), size }))
  checkVersion(sizes(30_000, (at) => `small/${'x'.repeat(200)}/${at}`, 1))
  // Each is a layer of its own, and its path stands in it twice.
  const large = sizes(4000, (at) => `${'d'.repeat(200)}/${'x'.repeat(200)}/${at}`, 1024 * 1024)
  assert.throws(() => checkVersion(large), { code: 'REFUSED', message: /names of 4000 files are too long/ })
  assert.throws(() => checkVersion([...sizes(2001, (at) => `${at}`, 1), { path: '7', size: 1 }]), {
    code: 'REFUSED',
  })
})

function valid(other: object): object {
  const config = { mediaType: 'application/vnd.cncf.model.config.v1+json', digest: CONFIG_DIGEST, size: 217 }
  const artifactType = 'application/vnd.cncf.model.manifest.v1+json'
  return { schemaVersion: 2, artifactType, config, layers: [layer], ...other }
}
