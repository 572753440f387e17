import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createRandom } from '../../test/fixtures/random.ts'
import { type ChecksumAlgorithm, createChecksummer, surestOf } from './checksum.ts'

function checksum(algorithm: ChecksumAlgorithm, ...chunks: readonly (string | Uint8Array)[]): string {
  const summer = createChecksummer(algorithm)
  for (const chunk of chunks) summer.update(Buffer.from(chunk))
  return summer.value()
}

test('the check values of the catalogue of CRCs', () => {
  assert.equal(checksum('crc32c', '123456789'), 'e3069283')
  assert.equal(checksum('crc64nvme', '123456789'), 'ae8b14860a799888')
})

test('CRC-32C of RFC 3720, B.4', () => {
  assert.equal(checksum('crc32c', Buffer.alloc(32)), '8a9136aa')
  assert.equal(checksum('crc32c', Buffer.alloc(32, 0xff)), '62a8ab43')
  assert.equal(checksum('crc32c', Buffer.from(Array.from({ length: 32 }, (_, index) => index))), '46dd794e')
})

test('nothing at all', () => {
  assert.equal(checksum('crc32c'), '00000000')
  assert.equal(checksum('crc64nvme'), '0000000000000000')
  assert.equal(checksum('md5'), 'd41d8cd98f00b204e9800998ecf8427e')
})

test('the same however the bytes are divided, wherever they stand in memory', (t) => {
  const seed = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
  t.diagnostic(`seed ${seed}`)
  const random = createRandom(seed)
  for (let turn = 0; turn < 200; turn++) {
    const bytes = random.bytes(1 + random.below(300))
    const place = random.below(bytes.length)
    const parts = [bytes.subarray(0, place), bytes.subarray(place)]
    for (const algorithm of ['crc32c', 'crc64nvme'] as const) {
      assert.equal(checksum(algorithm, ...parts), checksum(algorithm, bytes))
    }
    assert.equal(checksum('sha1', ...parts), createHash('sha1').update(bytes).digest('hex'))
  }
})

test('of several checksums, the surest is held against the bytes', () => {
  const of = (algorithm: ChecksumAlgorithm) => ({ algorithm, value: '' })
  assert.equal(surestOf([of('crc32c'), of('md5'), of('crc64nvme')])?.algorithm, 'md5')
  assert.equal(surestOf([of('sha1'), of('sha256')])?.algorithm, 'sha256')
  assert.equal(surestOf([]), undefined)
})
