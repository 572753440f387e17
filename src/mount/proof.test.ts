import assert from 'node:assert/strict'
import { stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { pathsIn } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { decodeProof, type Proof } from '../model/index.ts'
import { deliverFollowing } from './following.ts'
import { formerServed, isPending, withRefusal } from './proof.ts'
import { putBack } from './put-back.ts'
import { readAhead } from './read-ahead.ts'
import { settleProof } from './settle.ts'
import { decodeState, encodeState, type Generation, readState } from './state.ts'

function generation(number: number, is?: Proof['is'], by = 'follow'): Generation {
  const digest = digestOf(`${number}`)
  const id = `${number}-${digest.slice(7, 19)}`
  return { id, digest, number, time: '2026-01-01T00:00:00Z', by, ...(is && { proof: { is } }) }
}

test('what is put back is the newest other version that was taken', () => {
  const former = (...generations: Generation[]) => formerServed({ generations })?.number
  assert.equal(former(generation(1)), undefined)
  assert.equal(former(generation(1), generation(2, 'pending')), 1)
  assert.equal(former(generation(1), generation(2, 'failed'), generation(1, 'served')), undefined)
  assert.equal(former(generation(1), generation(2, 'failed'), generation(3, 'pending')), 1)
  assert.equal(former(generation(1), generation(2, 'pending'), generation(3, 'pending')), 1)
  assert.equal(former(generation(1), generation(2, 'untold'), generation(3, 'pending')), 2)
  assert.ok(isPending(generation(2, undefined, 'unrecorded')))
  assert.ok(!isPending(generation(2)))
})

test('the state keeps proofs and what was refused, and believes only what it could have written', () => {
  const followed = withRefusal(
    { model: 'm', reference: 'm:prod', files: [], generations: [generation(1), generation(2, 'pending')] },
    { id: generation(2).id, why: 'it fails' },
  )
  const state = { version: 1 as const, models: { m: followed } }
  assert.deepEqual(decodeState(Buffer.from(encodeState(state)), 'state.json'), state)
  assert.equal(followed.refused?.number, 2)
  assert.equal(decodeProof({ is: 'believed' }), undefined)
  assert.equal(decodeProof({ is: 'failed', why: 3 }), undefined)
  const broken = JSON.stringify({ ...state, models: { m: { ...followed, refused: { digest: 'x' } } } })
  assert.equal(decodeState(Buffer.from(broken), 'state.json').models.m?.refused, undefined)
})

test('a version is put back by one rename of the link, with the link of its file; others go on from there', async (t) => {
  const { store, target, version } = await mountPlace(t)
  const options = { by: 'follow', graceMs: 0, link: false, proof: 'pending' as const }
  const deliver = async (contents: Readonly<Record<string, string>>) =>
    deliverFollowing(store, { target, name: 'sentiment', delivery: await version(contents) }, options)
  await deliver({ 'one.pkl': '1' })
  await deliver({ 'two.pkl': '2' })
  const [first, second] = (await readState(target)).models.sentiment?.generations ?? []
  assert.deepEqual([first?.proof, second?.proof], [undefined, { is: 'pending' }])
  const failed = { target, name: 'sentiment', id: second?.id ?? '', why: 'it fails' }
  const back = await putBack(store, failed, { graceMs: 0, link: false })
  assert.equal(back?.to.id, first?.id)
  const links = (await pathsIn(target)).filter((path) => !path.startsWith('.ballast'))
  assert.deepEqual(links, ['one.pkl -> sentiment/one.pkl', `sentiment -> .ballast/versions/${first?.id}`])
  assert.equal(await putBack(store, failed, { graceMs: 0, link: false }), undefined, 'there is no other')
  await settleProof(target, { name: 'sentiment', id: first?.id ?? '', proof: { is: 'served' } })
  const { sentiment } = (await readState(target)).models
  assert.deepEqual(
    sentiment?.generations.map(({ number, by, proof }) => [number, by, proof?.is]),
    [
      [1, 'follow', undefined],
      [2, 'follow', 'failed'],
      [1, 'put back', 'served'],
    ],
  )
  assert.equal(sentiment?.refused?.why, 'it fails')
  await deliver({ 'three.pkl': '3' })
  assert.equal((await readState(target)).models.sentiment?.refused, undefined)
  // Somebody else has moved the link.
  await assert.rejects(putBack(store, failed, { graceMs: 0, link: false }), { code: 'CONFLICT' })
})

test('what would be put back is kept for as long as that may be', async (t) => {
  const { store, target, version } = await mountPlace(t)
  const options = { by: 'follow', graceMs: 0, link: false, proof: 'pending' as const }
  for (const number of ['1', '2', '3', '4']) {
    const delivery = await version({ 'model.pkl': number })
    await deliverFollowing(store, { target, name: 'sentiment', delivery }, options)
  }
  const generations = (await readState(target)).models.sentiment?.generations ?? []
  assert.equal(formerServed({ generations })?.number, 1)
  const failed = { target, name: 'sentiment', id: generations.at(-1)?.id ?? '', why: 'it fails' }
  assert.equal((await putBack(store, failed, { graceMs: 0, link: false }))?.to.number, 1)
})

test('files are read ahead once, unless they would take the memory of the others', async (t) => {
  const { store, target, version } = await mountPlace(t)
  const delivery = await version({ 'model.pkl': 'x'.repeat(3_000_000) })
  const deliver = (options: { readonly readAhead: boolean; readonly link: boolean }) =>
    deliverFollowing(store, { target, name: 'sentiment', delivery }, { by: 'follow', graceMs: 0, ...options })
  await deliver({ readAhead: true, link: true })
  const { files } = delivery.version
  const tree = join(target, 'sentiment')
  const path = join(tree, 'model.pkl')
  const { mtime } = await stat(path)
  await utimes(path, new Date(0), mtime)
  assert.equal(await readAhead(tree, files), true)
  const huge = files.map((file) => ({ ...file, size: 2 ** 50 }))
  assert.equal(await readAhead(tree, huge), false)
  const stopped = AbortSignal.abort()
  await assert.rejects(readAhead(tree, files, { signal: stopped }), { code: 'INTERRUPTED' })
})
