import assert from 'node:assert/strict'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { identityToken, startSigstore } from '../../test/doubles/sigstore.ts'
import { failedRules } from '../../test/fixtures/lifecycle.ts'
import { access, MODEL, NAME, PROD, refusedFor, scene } from '../../test/fixtures/stage-scene.ts'
import { flipBit } from '../../test/fixtures/store.ts'
import { BallastError, type Digest, isBallastError } from '../core/index.ts'
import { parseName, parseTag } from '../model/index.ts'
import { openStore } from '../store/index.ts'
import { add } from './add.ts'
import { approve } from './approve.ts'
import { history } from './history.ts'
import { attachMetrics } from './metrics.ts'
import { mount } from './mount.ts'
import { removePolicy, setPolicy, showPolicies } from './policies.ts'
import { withPolicyKey } from './policy-keys.ts'
import { remove } from './remove.ts'
import { resolveVersion } from './resolve.ts'
import { type SignWith, signStored } from './sign.ts'
import { keylessSigner } from './sign-keyless.ts'
import { rollbackTag, tag } from './tag.ts'
import { verify } from './upkeep.ts'

test('each step that is missing is refused by name; with all of them a version comes to prod, and is served by it', async (t) => {
  const { store, directory, signers, promoteTo } = await scene(t)
  const all = ['signed', 'metrics.accuracy', 'approved', 'from']
  await assert.rejects(promoteTo('sentiment:1', 'prod'), refusedFor(...all))
  const by = { kind: 'key', signer: signers.release } as const
  await signStored(store, { ref: 'sentiment:1', by, form: 'legacy' })
  await assert.rejects(promoteTo('sentiment:1', 'prod'), refusedFor('metrics.accuracy', 'approved', 'from'))
  await promoteTo('sentiment:1', 'staging')
  await assert.rejects(promoteTo('sentiment:1', 'prod'), refusedFor('metrics.accuracy', 'approved'))
  await attachMetrics(store, {
    measured: [{ ref: 'sentiment:1', metrics: { accuracy: 0.89 } }],
    by: 'attach',
  })
  await assert.rejects(promoteTo('sentiment:1', 'prod'), refusedFor('metrics.accuracy', 'approved'))
  await attachMetrics(store, { measured: [{ ref: 'sentiment:1', metrics: { accuracy: 0.9 } }], by: 'attach' })
  for (const [signer, stage] of [
    [signers.alice, 'prod'],
    [signers.alice, 'prod'],
    [signers.bob, 'staging'],
    [signers.release, 'prod'],
  ] as const) {
    await approve(store, { ref: 'sentiment:1', stage, with: { kind: 'key', signer }, access })
    await assert.rejects(promoteTo('sentiment:1', 'prod'), refusedFor('approved'))
  }
  const last = {
    ref: 'sentiment:1',
    stage: 'prod',
    with: { kind: 'key', signer: signers.bob },
    access,
  } as const
  await approve(store, last)
  const promoted = await promoteTo('sentiment:1', 'sentiment:prod')
  assert.equal(promoted.moved, true)
  assert.equal((await promoteTo('sentiment:1', 'prod')).moved, false)

  const [move] = await history(store, 'sentiment:prod', { access })
  assert.deepEqual(
    [move?.by, move?.promotion?.why, move?.promotion?.policy],
    ['promote', 'a test', promoted.policy],
  )
  assert.deepEqual(
    move?.promotion?.evidence?.map(({ rule }) => rule),
    ['signed', 'scanned', 'formats', 'metrics.accuracy', 'approved', 'from'],
  )
  const mounted = await mount(store, { ref: 'sentiment:prod', target: join(directory, 'target') })
  assert.equal(mounted.version, 'sentiment:1')
})

test('a stage with a policy moves by nothing but promotion', async (t) => {
  const { store, directory, addModel } = await scene(t)
  const digest = await addModel({ ...MODEL, 'config.json': '{"second":true}' })
  const files = join(directory, 'model')
  const isPromoteInstead = (error: unknown): boolean =>
    isBallastError(error, 'REFUSED') && /promote instead: .*ballast promote .* prod/.test(error.hint ?? '')
  await assert.rejects(tag(store, ['sentiment:2', 'prod']), isPromoteInstead)
  await assert.rejects(add(store, { name: 'sentiment:prod', sources: [files] }), isPromoteInstead)
  await using session = await store.begin()
  const move = { digest, kind: 'model', by: 'anything' } as const
  await assert.rejects(store.records.moveTag(session, NAME, PROD, move), isPromoteInstead)
  // Who names no tag adds a version all the same.
  await setPolicy(store, { ref: 'sentiment:latest', file: join(directory, 'policy.yaml'), access })
  const added = await add(store, { name: 'sentiment', sources: [files] })
  assert.deepEqual([added.ref, added.tag], ['sentiment:2', undefined])
  assert.match(added.warnings.join(), /sentiment:latest is a stage/)
  // Nor is it moved on when a version goes.
  await removePolicy(store, { ref: 'sentiment:prod', access })
  await tag(store, ['sentiment:2', 'prod'])
  await remove(store, 'sentiment:2', { force: true })
  assert.equal(await store.records.resolve({ name: NAME, tag: parseTag('latest') }), undefined)
})

test('a rollback goes to a version that keeps the policy, and tells who and why', async (t) => {
  const { store, prepare, promoteTo, addModel } = await scene(t)
  for (const number of [1, 2, 3]) {
    if (number > 1) await addModel({ ...MODEL, 'config.json': `{"number":${number}}` })
    await prepare(`sentiment:${number}`)
    await promoteTo(`sentiment:${number}`, 'prod')
  }
  assert.equal((await rollbackTag(store, 'sentiment:prod', { to: 1, why: 'alarms' })).number, 1)
  assert.equal((await rollbackTag(store, 'sentiment:prod')).number, 3)
  const moves = await history(store, 'sentiment:prod', { access })
  assert.deepEqual(
    moves.map(({ number, by, promotion }) => [number, by, promotion?.why]),
    [
      [1, 'promote', 'a test'],
      [2, 'promote', 'a test'],
      [3, 'promote', 'a test'],
      [1, 'rollback', 'alarms'],
      [3, 'rollback', undefined],
    ],
  )
  await assert.rejects(rollbackTag(store, 'sentiment:prod', { to: 9 }), (error) =>
    isBallastError(error, 'NOT_FOUND'),
  )
  await assert.rejects(rollbackTag(store, 'sentiment:prod', { to: 3 }), (error) =>
    isBallastError(error, 'CONFLICT'),
  )
  const name = parseName('sentiment')
  for (const { digest } of (await store.listReferrers(name)).filter(({ type }) => type.includes('sigstore')))
    await store.records.removeUntagged(name, digest)
  await assert.rejects(rollbackTag(store, 'sentiment:prod'), refusedFor('signed', 'approved'))
})

test('tampered bytes, signatures, approvals, policies and histories are found', async (t) => {
  const { store, directory, signers, prepare, promoteTo } = await scene(t)
  await prepare('sentiment:1')
  await promoteTo('sentiment:1', 'prod')
  const use = (): Promise<unknown> => resolveVersion(store, 'sentiment:prod')
  await use()
  const referrers = await store.listReferrers(NAME)
  const bundles = referrers.filter(({ type }) => type.includes('sigstore'))
  assert.equal(bundles.length, 3)

  // A policy that is changed in its file, by whom does not matter.
  const log = join(store.root, 'ballast/repositories/sentiment/policies/prod')
  const record = join(log, '0000000001.json')
  const written = await readFile(record, 'utf8')
  const change = async (text: string): Promise<void> => {
    await chmod(record, 0o644)
    await writeFile(record, text)
  }
  await change(written.replace('"accuracy":">=0.9"', '"acuracy":">=0.9"'))
  await assert.rejects(use(), refusedFor('metrics.acuracy'))
  await change(written.replace('"metrics"', '"metriks"'))
  await assert.rejects(
    use(),
    (error) => isBallastError(error, 'REFUSED') && /metriks is not known/.test(error.message),
  )
  await change('{')
  await assert.rejects(use(), (error) => isBallastError(error, 'DAMAGED'))
  await change(written)
  // Who knows the key of those who set policies is told of any other.
  const knowing = await openStore(store.root, { policyKeys: [signers.release.publicKey.pem] })
  const isUnsigned = (why: RegExp) => (error: unknown) =>
    isBallastError(error, 'REFUSED') && why.test(error.message)
  await assert.rejects(resolveVersion(knowing, 'sentiment:prod'), isUnsigned(/it is not signed/))
  const request = { ref: 'sentiment:prod', file: join(directory, 'policy.yaml'), access }
  await setPolicy(store, { ...request, signer: signers.release })
  await resolveVersion(knowing, 'sentiment:prod')
  const signed = join(log, '0000000002.json')
  const text = await readFile(signed, 'utf8')
  await chmod(signed, 0o644)
  await writeFile(signed, text.replace('"accuracy":">=0.9"', '"accuracy":">=0.1"'))
  await assert.rejects(resolveVersion(knowing, 'sentiment:prod'), isUnsigned(/stands for/))
  await writeFile(signed, text)
  await assert.rejects(resolveVersion(knowing, 'sentiment:latest'), isUnsigned(/it has none/))
  const byFile = await withPolicyKey(store, { policyKey: 'alice.pub' }, directory)
  await assert.rejects(resolveVersion(byFile, 'sentiment:prod'), isUnsigned(/no trusted key has made it/))
  await change(written.replace('"who"', '"whom"'))
  assert.match(
    (await verify(store)).histories.broken.map(({ path, why }) => `${path} ${why}`).join(),
    /policies/,
  )
  await change(written)

  // The signature, an approval, and the files.
  for (const { digest } of bundles) {
    const [, layer] = JSON.parse((await store.readManifest(digest)).toString()).layers ?? []
    assert.equal(layer, undefined)
    const blob = JSON.parse((await store.readManifest(digest)).toString()).layers[0].digest as Digest
    const path = store.blobs.path(blob)
    const bytes = await readFile(path)
    await flipBit(path)
    await assert.rejects(
      use(),
      (error) =>
        error instanceof BallastError && /signed|approved/.test(failedRules(error.details?.rules).join()),
    )
    await rm(join(store.root, 'ballast/damaged', blob.slice(7)), { force: true })
    await writeFile(path, bytes)
    await use()
  }
  const weights = (await store.readVersion((await resolveVersion(store, 'sentiment:1')).version.digest)).files
  const path = store.blobs.path(weights.find((file) => file.path === 'model.safetensors')?.digest as Digest)
  await flipBit(path)
  await assert.rejects(mount(store, { ref: 'sentiment:prod', target: join(directory, 'target') }), (error) =>
    isBallastError(error),
  )
})

test('a pickle that runs something is refused by name, whatever else was done for it', async (t) => {
  const policy = 'requires:\n  scanned: true\n'
  const { promoteTo, addModel } = await scene(t, policy)
  // GLOBAL posix.system, STRING, TUPLE1, REDUCE, STOP: nobody loads it.
  await addModel({ 'model.pkl': "cposix\nsystem\n(S'true'\ntR." })
  await assert.rejects(promoteTo('sentiment:2', 'prod'), refusedFor('scanned'))
  await promoteTo('sentiment:1', 'prod')
})

test('a pickle is found by the rule of formats wherever a loader would find it, and a program or a text is none', async (t) => {
  const { promoteTo, addModel } = await scene(t, 'requires:\n  formats: [safetensors]\n')
  // An empty dictionary, which is harmless, as a pickle; the same with xz around it.
  const pickle = Buffer.from('ccollections\nOrderedDict\n(tR.')
  const compressed = Buffer.from(
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAcY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0Cih0Ui4AAAAAX9bavReGh08AATUdRBux4R+2830BAAAAAARZWg==',
    'base64',
  )
  const others = { 'run.py': 'print(1)', 'notes.json': '{"_target_": "os.system"}', 'README.md': '# It' }
  await addModel({ ...MODEL, ...others })
  await promoteTo('sentiment:2', 'prod')
  await addModel({ ...MODEL, 'weights.dat': compressed })
  await assert.rejects(promoteTo('sentiment:3', 'prod'), refusedFor('formats'))
  await addModel({ ...MODEL, 'weights.pt': Buffer.concat([Buffer.from('?'), pickle]) })
  await assert.rejects(promoteTo('sentiment:4', 'prod'), refusedFor('formats'))
})

test('identities sign and approve as keys do, where the policy names the authority', async (t) => {
  const sigstore = await startSigstore(t)
  const [ann, issuer] = ['https://ci.example/ann/release', 'https://issuer.example']
  const by = `{ by: [{ identity: "${ann}", issuer: "${issuer}" }] }`
  const { store, directory, promoteTo } = await scene(
    t,
    `requires: { signed: ${by}, approved: ${by} }\n`,
    sigstore.trustedRoot,
  )
  const as = (who: string): SignWith => ({
    kind: 'identity',
    sign: keylessSigner({ fulcio: sigstore.url, rekor: sigstore.url }, identityToken(who, issuer)),
  })
  const all = async (who: string): Promise<void> => {
    await signStored(store, { ref: 'sentiment:1', by: as(who), form: 'bundle' })
    await approve(store, { ref: 'sentiment:1', stage: 'prod', with: as(who), access })
  }
  await all('https://ci.example/mallory/release')
  await assert.rejects(promoteTo('sentiment:1', 'prod'), refusedFor('signed', 'approved'))
  await all(ann)
  await promoteTo('sentiment:1', 'prod')
  await writeFile(join(directory, 'rootless.yaml'), `requires: { signed: ${by} }`)
  const rootless = setPolicy(store, { ref: 'sentiment:prod', file: join(directory, 'rootless.yaml'), access })
  await assert.rejects(
    rootless,
    (error) => isBallastError(error, 'USAGE') && /trustedRoot is needed/.test(error.message),
  )
})

/** Whoever is not among them makes use of the version, and has to pass the gate by `resolveVersion`. */
const LOOKERS = [
  'advise-model.ts',
  'check.ts',
  'lineage.ts',
  'metadata.ts',
  'metrics.ts',
  'resolve.ts',
  'scan.ts',
  'seen-version.ts',
  'show.ts',
  'sign.ts',
  'stage-version.ts',
  'switch/elsewhere-look.ts',
  'tag.ts',
  'verify-version.ts',
]

test('who finds versions past the gate only looks at them', async () => {
  const source = fileURLToPath(new URL('.', import.meta.url))
  const files = (await readdir(source, { recursive: true })).filter((file) => /(?<!\.test)\.ts$/.test(file))
  const texts = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(join(source, file), 'utf8') })),
  )
  const finding = texts.filter(({ text }) => /\bfind(?:Version|Leased)\(/.test(text)).map(({ file }) => file)
  assert.deepEqual(finding.sort(), LOOKERS)
})

test('policies are shown, replaced and taken away, and say what is wrong with a file', async (t) => {
  const { store, directory } = await scene(t)
  const [shown] = await showPolicies(store, { ref: 'sentiment', access })
  assert.deepEqual([shown?.stage, shown?.signed], ['sentiment:prod', false])
  await writeFile(join(directory, 'wrong.yaml'), 'requires: { signed: { by: [nobody.pub] } }')
  const set = (ref: string, file: string): Promise<unknown> =>
    setPolicy(store, { ref, file: join(directory, file), access })
  await assert.rejects(set('sentiment:prod', 'wrong.yaml'), (error) => isBallastError(error, 'NOT_FOUND'))
  await assert.rejects(set('sentiment', 'policy.yaml'), (error) => isBallastError(error, 'USAGE'))
  await assert.rejects(set('sentiment:3', 'policy.yaml'), (error) => isBallastError(error, 'USAGE'))
  await removePolicy(store, { ref: 'sentiment:prod', access })
  await assert.rejects(showPolicies(store, { ref: 'sentiment', access }), (error) =>
    isBallastError(error, 'NOT_FOUND'),
  )
  await tag(store, ['sentiment:1', 'prod'])
})
