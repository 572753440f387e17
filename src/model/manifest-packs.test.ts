import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { anyFiles, fileWith } from '../../test/fixtures/version-files.ts'
import { compareBytes, type Digest, digestOf } from '../core/index.ts'
import { childrenOf } from './descriptors.ts'
import { completeVersion, decodeManifest, encodeVersion } from './manifest.ts'
import { blobsOfVersion, type ModelFile, type Version } from './version.ts'

const _decodeVersion = (bytes: Uint8Array): Version => completeVersion(decodeManifest(bytes))

test('the published packs give the published manifest, config and digest', async () => {
  const url = new URL('../../test/fixtures/packed-version-vector.json', import.meta.url)
  const vector = JSON.parse(await readFile(url, 'utf8')) as {
    packs: { digest: Digest; size: number }[]
  } & Record<'config' | 'configDigest' | 'manifest' | 'digest', string>
  const [pack] = vector.packs
  assert.ok(pack !== undefined && vector.packs.length === 1)
  const paths = Array.from({ length: 2001 }, (_, at) => `f${`${at}`.padStart(4, '0')}`)
  const packed = [...paths, '\u00e9'].map((path) => packedIn({ ...pack, offset: 0 }, fileWith(path, path)))
  const { version, manifest, config, configDigest } = encodeVersion([
    ...packed,
    fileWith('weights.bin', Buffer.alloc(1_048_576)),
  ])
  assert.deepEqual(
    [config.toString(), configDigest, manifest.toString(), version.digest],
    [vector.config, vector.configDigest, vector.manifest, vector.digest],
  )
  assert.deepEqual(
    childrenOf(manifest).map(({ digest }) => digest),
    [configDigest, digestOf(Buffer.alloc(1_048_576)), pack.digest],
  )
})

test('a version with packs reads back once its packs have been looked into, whatever the order of the input', () => {
  fc.assert(
    fc.property(anyFiles(), fc.integer({ min: 1, max: 3 }), (some, count) => {
      const files = packedVersion(some, count)
      const { version, manifest } = encodeVersion(files)
      assert.deepEqual(encodeVersion([...files].reverse()).manifest, manifest)
      const decoded = decodeManifest(manifest)
      const packed = version.files.filter(({ pack }) => pack !== undefined)
      assert.deepEqual(completeVersion(decoded, [...packed].reverse()), version)
      assert.deepEqual(
        decoded.files,
        version.files.filter(({ pack }) => pack === undefined),
      )
      assert.equal(decoded.packs.length, count)
      assert.deepEqual(
        new Set(blobsOfVersion(version)),
        new Set([
          version.digest,
          ...decoded.files.map(({ digest }) => digest),
          ...decoded.packs.map(({ digest }) => digest),
        ]),
      )
    }),
    { numRuns: 20 },
  )
})

test('packs come after the files, in the order of their first ones, and are called packed-1.tar and so on', () => {
  const files = packedVersion([fileWith('a', 'a'), fileWith('z', 'z')], 2)
  const layers = layersOf(encodeVersion(files).manifest)
  assert.deepEqual(
    layers.map(({ mediaType, annotations }) => [
      mediaType.split('.').at(-1),
      annotations['org.cncf.model.filepath'],
    ]),
    [
      ['raw', 'large'],
      ['tar', 'packed-1.tar'],
      ['tar', 'packed-2.tar'],
    ],
  )
  assert.deepEqual(
    layers.slice(1).map(({ digest }) => digest),
    [...new Set(files.flatMap(({ pack }) => pack?.digest ?? []))],
  )
})

test('no pack is called like a file of the model or a directory in it', () => {
  for (const [path, name] of [
    ['packed-1.tar', '_packed-1.tar'],
    ['packed-1.tar/weights', '_packed-1.tar'],
    ['packed-2.tar', '_packed-1.tar'],
    ['packed', 'packed-1.tar'],
    ['in/packed-1.tar', 'packed-1.tar'],
  ] as const) {
    const files = packedVersion([fileWith(path, path)], 1)
    assert.equal(
      layersOf(encodeVersion(files).manifest).at(-1)?.annotations['org.opencontainers.image.title'],
      name,
    )
  }
  const both = packedVersion([fileWith('packed-x', '1'), fileWith('_packed-1.tar', '2')], 1)
  assert.equal(
    layersOf(encodeVersion(both).manifest).at(-1)?.annotations['org.cncf.model.filepath'],
    '__packed-1.tar',
  )
})

test('files that are not packed as the rule has it make no manifest', () => {
  const files = packedVersion([], 1)
  assert.throws(
    () => encodeVersion(files.map(({ path, digest, size }) => ({ path, digest, size }))),
    TypeError,
  )
  assert.throws(
    () => encodeVersion([packedIn({ digest: digestOf('p'), size: 9, offset: 0 }, fileWith('a', 'a'))]),
    TypeError,
  )
})

test('packed files cannot be where a file of the manifest or another packed one is', () => {
  const [pack, other] = ['one', 'two'].map((text) => ({ digest: digestOf(text), size: 4096, offset: 512 }))
  const decoded = { digest: digestOf('m'), files: [fileWith('a', 'a')], packs: [] }
  for (const path of ['a', 'a/b', '../out', '.ballast/model.json', '/etc/passwd']) {
    const packed = packedIn(pack as Pack, fileWith(path, 'x'))
    assert.throws(() => completeVersion(decoded, [packed]), { code: 'REFUSED' })
  }
  const twice = [pack, other].map((one) => packedIn(one as Pack, fileWith('b', 'x')))
  assert.throws(() => completeVersion(decoded, twice), { code: 'REFUSED', message: /two files called "b"/ })
})

type Pack = NonNullable<ModelFile['pack']>

function packedIn(pack: Pack, file: ModelFile): ModelFile {
  return { ...file, pack }
}

/** The files and enough others for packs, of which there are `count`, and one that is too large for any. */
function packedVersion(files: readonly ModelFile[], count: number): readonly ModelFile[] {
  const others = Array.from({ length: 2001 }, (_, at) => fileWith(`filling/${at}`, `${at}`))
  const sorted = [...files, ...others].sort((a, b) => compareBytes(a.path, b.path))
  const share = Math.ceil(sorted.length / count)
  const packed = sorted.map((file, at) => {
    const index = Math.floor(at / share)
    return packedIn({ digest: digestOf(`pack ${index}`), size: 9_000_000, offset: 512 + at * 1024 }, file)
  })
  return [...packed, { path: 'large', digest: digestOf('large'), size: 1024 * 1024 }].sort((a, b) =>
    compareBytes(a.path, b.path),
  )
}

function layersOf(
  manifest: Uint8Array,
): readonly { mediaType: string; digest: Digest; annotations: Record<string, string> }[] {
  return (JSON.parse(Buffer.from(manifest).toString()) as { layers: ReturnType<typeof layersOf> }).layers
}
