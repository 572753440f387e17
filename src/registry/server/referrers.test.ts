import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { type Digest, digestOf } from '../../core/index.ts'
import { OCI_MANIFEST, parseName } from '../../model/index.ts'
import { referrersOf } from './referrers.ts'

const SUBJECT = digestOf('subject')
const NAME = parseName('team/app')

function attached(subject: Digest, about: string): { mediaType: string; digest: Digest; bytes: Buffer } {
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: 'application/vnd.any',
    subject: { mediaType: OCI_MANIFEST, digest: subject, size: 7 },
    annotations: { about },
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
}

test('manifests are read once, whatever is asked of them, and what is gone is not told', async () => {
  const inner = createMemoryStorage()
  let reads = 0
  const storage: typeof inner = {
    ...inner,
    async getManifest(digest) {
      reads++
      return inner.getManifest(digest)
    },
  }
  const [one, two, other] = [attached(SUBJECT, '1'), attached(SUBJECT, '2'), attached(digestOf('x'), '3')]
  for (const manifest of [one, two, other]) await storage.putManifest(NAME, manifest)
  const list = async (subject = SUBJECT) =>
    (await referrersOf({ name: NAME, storage }, subject)).map(({ digest }) => digest).sort()
  assert.deepEqual(await list(), [one.digest, two.digest].sort())
  assert.deepEqual(await list(digestOf('x')), [other.digest])
  assert.equal(reads, 3)
  await storage.deleteManifest(NAME, { digest: one.digest })
  assert.deepEqual(await list(), [two.digest])
  const long = attached(SUBJECT, 'a'.repeat(10_000))
  await storage.putManifest(NAME, long)
  assert.deepEqual(await list(), [two.digest, long.digest].sort())
  assert.deepEqual(await list(), [two.digest, long.digest].sort())
  assert.equal(reads, 5)
})
