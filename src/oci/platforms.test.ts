import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, isBallastError } from '../core/index.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../model/index.ts'
import { platformsOf, selectPlatform } from './platforms.ts'

const here = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`

const several = indexOf(
  entry('amd', { os: 'linux', architecture: 'amd64' }),
  entry('arm', { os: 'linux', architecture: 'arm64', variant: 'v8' }),
  entry('v6', { os: 'linux', architecture: 'arm', variant: 'v6' }),
  entry('v7', { os: 'linux', architecture: 'arm', variant: 'v7' }),
  attestation('amd'),
  attestation('arm'),
)

test('the platform wanted is found, with and without its usual variant', () => {
  const found = (wanted: string): unknown => selectPlatform(several, wanted).digest
  assert.equal(found('linux/amd64'), digestOf('amd'))
  assert.equal(found('linux/arm64'), digestOf('arm'))
  assert.equal(found('linux/arm64/v8'), digestOf('arm'))
  assert.equal(found('linux/arm/v7'), digestOf('v7'))
  assert.equal(found('linux/arm'), digestOf('v7'))
})

test('one that is not there is refused with the list', () => {
  assert.throws(
    () => selectPlatform(several, 'windows/amd64'),
    (error) =>
      isBallastError(error, 'REFUSED') && /linux\/amd64, linux\/arm64\/v8, .*v7$/.test(error.message),
  )
})

test('the only image is taken when nothing is wanted, beside attestations too', () => {
  const index = indexOf(entry('s390', { os: 'linux', architecture: 's390x' }), attestation('s390'))
  assert.equal(selectPlatform(index).digest, digestOf('s390'))
  assert.throws(
    () => selectPlatform(index, 'linux/amd64'),
    (error) => isBallastError(error, 'REFUSED'),
  )
  assert.equal(selectPlatform(indexOf({ ...entry('bare'), platform: undefined })).digest, digestOf('bare'))
})

test("several without a wish: this machine's architecture", () => {
  const [os, architecture] = here.split('/') as [string, string]
  const index = indexOf(entry('other', { os, architecture: 'riscv128' }), entry('own', { os, architecture }))
  assert.equal(selectPlatform(index).digest, digestOf('own'))
  assert.throws(
    () => selectPlatform(indexOf()),
    (error) => isBallastError(error, 'REFUSED'),
  )
})

test('images are listed without attestations', () => {
  assert.deepEqual(
    platformsOf(several).map(({ platform }) => platform),
    ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v6', 'linux/arm/v7'],
  )
})

test('what is not an index is damaged', () => {
  for (const text of ['', '{}', '{"manifests":[{}]}', '{"manifests":[null]}', '{"manifests":{}}']) {
    assert.throws(
      () => selectPlatform(Buffer.from(text)),
      (error) => isBallastError(error, 'DAMAGED'),
      text,
    )
  }
})

function entry(text: string, platform?: object): Record<string, unknown> {
  return { mediaType: OCI_MANIFEST, digest: digestOf(text), size: 1, platform, extra: 'kept' }
}

function attestation(of: string): Record<string, unknown> {
  return {
    ...entry(`attestation of ${of}`, { os: 'unknown', architecture: 'unknown' }),
    annotations: {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': digestOf(of),
    },
  }
}

function indexOf(...manifests: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
}
