import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { dockerRegistryMissing, startDockerRegistry } from '../../test/doubles/docker-registry.ts'
import { startAzurite } from '../../test/fixtures/buckets/azurite.ts'
import { isMissing } from '../../test/fixtures/buckets/server.ts'
import { rejects } from '../../test/fixtures/rejects.ts'
import { addVersion, flipBit, randomModel } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { bytesContent, type Digest, digestOf } from '../core/index.ts'
import { parseName, type Tag } from '../model/index.ts'
import { openLayout } from '../oci/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { generatePrivateKey, signaturesTag, signerOf, signSimply, signStatement } from '../trust/index.ts'
import { copy } from './copy.ts'
import { history } from './history.ts'
import type { ImageAccess } from './image-places.ts'
import { list } from './list.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { putSigned } from './put-signature.ts'
import { showRemote } from './remote-show.ts'
import { verifyRemote } from './remote-verify.ts'
import { remove } from './remove.ts'
import { type SignRequest, signRemote, signStored } from './sign.ts'
import { addToSignaturesTag } from './signature-tags.ts'
import { attachSigned } from './signatures.ts'
import { verify } from './upkeep.ts'
import { verifyVersion } from './verify-version.ts'

const signer = signerOf({ der: generatePrivateKey() })
const stranger = signerOf({ der: generatePrivateKey() })
const by = { kind: 'key', signer } as const
const trusted = { keys: [signer.publicKey] }
const NAME = parseName('sentiment')
const FORMS = ['bundle', 'legacy'] as const

interface Scene {
  readonly directory: string
  readonly store: Store
  readonly other: Store
  readonly digest: Digest
  readonly access: ImageAccess
}

async function setUp(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t)
  const store = await openStore(join(directory, 'store'))
  const { version } = await addVersion(store, 'sentiment:latest', randomModel('signed'))
  return {
    directory,
    store,
    other: await openStore(join(directory, 'other')),
    digest: version.digest,
    access: { dockerConfig: directory },
  }
}

for (const form of FORMS) {
  test(`what is signed (${form}) verifies by its key alone; signed again nothing is new`, async (t) => {
    const { store, digest } = await setUp(t)
    const request: SignRequest = { ref: 'sentiment:1', by, form }
    const signed = await signStored(store, request)
    assert.deepEqual([signed.signed, signed.digest, signed.keyId], [true, digest, signer.publicKey.id])
    assert.equal((await signStored(store, request)).signed, false)
    const verified = await verifyVersion(store, { ref: 'sentiment', trusted })
    assert.deepEqual([verified.trusted, verified.signatures.length, verified.problems.length], [true, 1, 0])
    const other = await verifyVersion(store, { ref: 'sentiment', trusted: { keys: [stranger.publicKey] } })
    assert.equal(other.trusted, false)
    assert.match(other.signatures[0]?.refused ?? '', /no trusted key has made it/)
    assert.equal((await verifyVersion(store, { ref: 'sentiment', trusted: undefined })).trusted, undefined)
    assert.deepEqual((await verify(store)).problems, [])
  })
}

test('a damaged file shows though the signature holds, and a damaged signature does not count', async (t) => {
  const { store, digest } = await setUp(t)
  await signStored(store, { ref: 'sentiment:1', by, form: 'bundle' })
  const { files } = await store.readVersion(digest)
  const file = store.blobs.path(files[0]?.digest as Digest)
  await flipBit(file, { sameTime: true })
  const damaged = await verifyVersion(store, { ref: 'sentiment', trusted })
  assert.deepEqual([damaged.trusted, damaged.problems.map(({ kind }) => kind)], [true, ['damaged']])
  await rm(file)
  const missing = await verifyVersion(store, { ref: 'sentiment', trusted })
  assert.deepEqual(
    missing.problems.map(({ kind }) => kind),
    ['missing'],
  )
  const [referrer] = (await store.listReferrers(NAME)).filter(({ type }) => /bundle/.test(type))
  const manifest = JSON.parse(`${await store.readManifest(referrer?.digest as Digest)}`)
  await flipBit(store.blobs.path(manifest.layers[0].digest), { sameTime: true })
  const unsigned = await verifyVersion(store, { ref: 'sentiment', trusted })
  assert.equal(unsigned.trusted, false)
  assert.match(unsigned.signatures[0]?.refused ?? '', /cannot be read/)
})

test('signatures of another version, attached to this one, do not count', async (t) => {
  const { store, digest } = await setUp(t)
  const other = digestOf('another version')
  const statement = { subjects: [other], predicateType: 'https://sigstore.dev/cosign/sign/v1', predicate: {} }
  const signatures = [
    { form: 'bundle', bytes: signStatement(signer, statement) },
    { form: 'simplesigning', ...signSimply(signer, { digest: other, reference: 'sentiment' }) },
  ] as const
  await using session = await store.begin()
  for (const signature of signatures)
    await attachSigned(store, session, { name: NAME, subject: digest, signature })
  const verified = await verifyVersion(store, { ref: 'sentiment', trusted })
  assert.equal(verified.trusted, false)
  for (const { refused } of verified.signatures) assert.match(refused ?? '', /made for sha256:\w+…, not for/)
  assert.equal(verified.signatures.length, 2)
})

const azurite = await startAzurite()
if (!isMissing(azurite)) after(() => azurite.close())
const registryMissing = dockerRegistryMissing()
const bucketMissing = isMissing(azurite) ? azurite.missing : undefined
const PLACES = [
  ['a layout', undefined],
  ['a registry without referrers', registryMissing],
  ['a bucket', bucketMissing],
] as const

async function placeOf(t: TestContext, kind: (typeof PLACES)[number][0], { directory, access }: Scene) {
  if (kind === 'a layout') return { at: `oci:${directory}/layout`, second: `oci:${directory}/second`, access }
  if (kind === 'a bucket' && !isMissing(azurite)) {
    const root = `az://models/${basename(directory)}`
    return {
      at: `${root}/sentiment`,
      second: `${root}-second/sentiment`,
      access: { ...access, buckets: azurite.access },
    }
  }
  const registry = await startDockerRegistry()
  t.after(() => registry?.close())
  return { at: `${registry?.host}/team/sentiment`, second: `${registry?.host}/second/sentiment`, access }
}

for (const [kind, missing] of PLACES) {
  test(`signatures go with a version to ${kind}, from there to another, and into another store`, {
    skip: missing,
  }, async (t) => {
    const scene = await setUp(t)
    const { store, other } = scene
    const { at, second, access } = await placeOf(t, kind, scene)
    for (const form of FORMS) await signStored(store, { ref: 'sentiment:1', by, form })
    await push(store, { ref: 'sentiment:1', remote: at, access })
    await copy({ from: `${at}:1`, to: second, access })
    await pull(other, { remote: `${second}:1`, name: 'taken', access })
    for (const ref of [`${at}:1`, `${second}:1`]) {
      const there = await verifyRemote({ ref, trusted, access })
      assert.deepEqual([there.trusted, there.signatures.map(formAndBy).sort()], [true, BOTH], ref)
    }
    const here = await verifyVersion(other, { ref: 'taken:1', trusted })
    assert.deepEqual([here.trusted, here.signatures.map(formAndBy).sort()], [true, BOTH])
    // Nothing of them looks like a version or a tag of one.
    assert.deepEqual((await showRemote(`${at}:1`, access)).tags, [])
  })

  test(`what is signed at ${kind} comes along by pull; a stranger's signature does not count`, {
    skip: missing,
  }, async (t) => {
    const scene = await setUp(t)
    const { store, other } = scene
    const { at, access } = await placeOf(t, kind, scene)
    await push(store, { ref: 'sentiment:1', remote: at, access })
    for (const form of FORMS) {
      await signRemote({ ref: `${at}:1`, by: { kind: 'key', signer: stranger }, form, access })
      if (form === 'bundle')
        assert.equal((await verifyRemote({ ref: `${at}:1`, trusted, access })).trusted, false)
      assert.equal((await signRemote({ ref: `${at}:1`, by, form, access })).signed, true)
      assert.equal((await signRemote({ ref: `${at}:1`, by, form, access })).signed, false)
      const there = await verifyRemote({ ref: `${at}:1`, trusted, access })
      assert.equal(there.signatures.filter((one) => one.by !== undefined).length, form === 'bundle' ? 1 : 2)
    }
    await pull(other, { remote: `${at}:1`, name: 'taken', access })
    const here = await verifyVersion(other, { ref: 'taken:1', trusted })
    assert.deepEqual([here.trusted, here.signatures.length], [true, 4])
    assert.deepEqual(here.signatures.flatMap((one) => (one.by === undefined ? [] : [one.form])).sort(), [
      'bundle',
      'simplesigning',
    ])
    assert.equal((await list(other)).length, 1)
  })
}

const BOTH = ['bundle key', 'simplesigning key']

function formAndBy({
  form,
  by: found,
}: {
  readonly form: string
  readonly by?: { readonly kind: string } | undefined
}) {
  return `${form} ${found?.kind}`
}

test("cosign's tag is added to, not written over", async (t) => {
  const { store, directory, digest, access } = await setUp(t)
  const at = `oci:${directory}/layout`
  await push(store, { ref: 'sentiment:1', remote: at, access })
  const repository = await openLayout(`${directory}/layout`, { create: false })
  const subject = await repository.getManifest(digest)
  assert.ok(subject)
  for (const one of [stranger, signer]) {
    const signature = { form: 'simplesigning', ...signSimply(one, { digest, reference: 'x' }) } as const
    await putSigned(repository, { subject, signature })
    await putSigned(repository, { subject, signature })
  }
  const manifest = JSON.parse(`${(await repository.getManifest(signaturesTag(digest)))?.bytes}`)
  assert.equal(manifest.layers.length, 2)
  assert.equal((await verifyRemote({ ref: `${at}:1`, trusted, access })).trusted, true)
})

test("what cosign has pushed to the store's registry counts, and goes with the version", async (t) => {
  const { store, digest, access } = await setUp(t)
  const tag = signaturesTag(digest) as Tag
  await using session = await store.begin()
  const layout = join(store.root, '../layout')
  const repository = await openLayout(layout, { create: true })
  const signature = signSimply(signer, { digest, reference: 'sentiment' })
  await addToSignaturesTag(repository, { subject: digest, signatures: [signature] })
  const manifest = await repository.getManifest(tag)
  assert.ok(manifest)
  for (const bytes of [manifest.bytes, signature.payload])
    await store.blobs.ingest(session, bytesContent(bytes).open(), { item: tag })
  await store.records.moveTag(session, NAME, tag, { digest: manifest.digest, kind: 'image', by: 'push' })
  assert.equal((await verifyVersion(store, { ref: 'sentiment', trusted })).trusted, true)
  assert.deepEqual(
    (await history(store, 'sentiment', { access })).map((move) => move.tag),
    ['sentiment:latest'],
  )
  await remove(store, 'sentiment:1', { force: true })
  assert.equal(await store.records.resolve({ name: NAME, tag }), undefined)
})

test('what is not there cannot be signed, and an identity has one form', async (t) => {
  const { store, access, directory } = await setUp(t)
  await rejects(signStored(store, { ref: 'other', by, form: 'bundle' }), 'NOT_FOUND')
  await openLayout(`${directory}/layout`, { create: true })
  await rejects(signRemote({ ref: `oci:${directory}/layout:1`, by, form: 'bundle', access }), 'NOT_FOUND')
  const identity = { kind: 'identity', sign: () => Promise.reject(new Error('not asked')) } as const
  await rejects(signStored(store, { ref: 'sentiment', by: identity, form: 'legacy' }), 'USAGE')
})
