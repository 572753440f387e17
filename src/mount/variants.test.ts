import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MountPlace, mountPlace } from '../../test/fixtures/mount.ts'
import { randomModel } from '../../test/fixtures/store.ts'
import { isBallastError } from '../core/index.ts'
import type { Proof } from '../model/index.ts'
import type { Delivery } from './delivery.ts'
import { putBackVariants, settleVariants } from './settle-variants.ts'
import { unmountTarget } from './unmount.ts'
import { listVariants, readVariants } from './variant-files.ts'
import { changeVariants } from './variants.ts'

interface Wanted {
  readonly placed?: Readonly<Record<string, Delivery>>
  readonly ofLink?: readonly string[]
  readonly weights?: Readonly<Record<string, number>>
  readonly withdrawn?: readonly string[]
  readonly graceMs?: number
  readonly proof?: Proof
}

const change = ({ store, target }: MountPlace, wanted: Wanted = {}) =>
  changeVariants(
    store,
    {
      target,
      link: 'sentiment',
      deliveries: new Map(Object.entries(wanted.placed ?? {})),
      ofLink: wanted.ofLink ?? [],
      edit: {
        weights: new Map(Object.entries(wanted.weights ?? {})),
        withdrawn: wanted.withdrawn ?? [],
        routes: new Map(),
      },
    },
    { link: false, by: 'a test', graceMs: wanted.graceMs ?? 0, proof: wanted.proof },
  )

const generations = (target: string) => readdir(join(target, '.ballast/versions'))

const splitPlace = async (place: MountPlace) => {
  const one = await place.version(randomModel('1'))
  const two = await place.version(randomModel('2'))
  await place.follow(one)
  await change(place, {
    placed: { canary: two },
    ofLink: ['stable'],
    weights: { stable: 90, canary: 10 },
  })
  return { one, two }
}

test('variants stand beside the link, which does not move; their versions are whole', async (t) => {
  const place = await mountPlace(t)
  const { one, two } = await splitPlace(place)
  const set = await readVariants(place.target, 'sentiment')
  assert.deepEqual(
    set?.variants.map(({ name, weight, digest, ofLink }) => [name, weight, digest, ofLink]),
    [
      ['stable', 90, one.version.digest, true],
      ['canary', 10, two.version.digest, undefined],
    ],
  )
  const canary = join(place.target, '.ballast/versions', set?.variants[1]?.id ?? '')
  assert.deepEqual(await readFile(join(canary, 'weights.bin')), randomModel('2')['weights.bin'])
  assert.deepEqual((await readdir(place.target)).sort(), ['.ballast', 'sentiment'])
  assert.deepEqual([...(await listVariants(place.target)).keys()], ['sentiment'])
})

test('the variant of the link moves with it, the others stay', async (t) => {
  const place = await mountPlace(t)
  const { two } = await splitPlace(place)
  const three = await place.version(randomModel('3'))
  await place.follow(three)
  const set = await readVariants(place.target, 'sentiment')
  assert.deepEqual(
    set?.variants.map(({ digest }) => digest),
    [three.version.digest, two.version.digest],
  )
  assert.deepEqual([set?.number, set?.by], [2, 'mount'])
  await place.follow(three)
  assert.equal((await readVariants(place.target, 'sentiment'))?.number, 2)
})

test('a version stays while a set has it, and for the grace time after; then the next change removes it', async (t) => {
  const place = await mountPlace(t)
  await splitPlace(place)
  for (const seed of ['3', '4', '5']) await place.follow(await place.version(randomModel(seed)))
  assert.deepEqual((await generations(place.target)).map((id) => id[0]).sort(), ['2', '4', '5'])
  await change(place, { withdrawn: ['canary'], graceMs: 60_000 })
  assert.deepEqual((await generations(place.target)).map((id) => id[0]).sort(), ['2', '4', '5'])
  await change(place)
  assert.deepEqual((await generations(place.target)).map((id) => id[0]).sort(), ['4', '5'])
})

test('a change that is yet to be proven keeps what there was; put back, that is there again, and why', async (t) => {
  const place = await mountPlace(t)
  const { target } = place
  await splitPlace(place)
  const three = await place.version(randomModel('3'))
  const pending = { placed: { canary: three }, proof: { is: 'pending' } } as const
  const { after, before } = await change(place, pending)
  assert.deepEqual((await generations(target)).map((id) => id[0]).sort(), ['1', '2', '3'])
  const failed = { target, link: 'sentiment', number: after.number }
  const back = await putBackVariants(failed, { why: 'no such layer' })
  assert.deepEqual([back.variants, back.by, back.proof], [before.variants, 'put back', { is: 'pending' }])
  assert.deepEqual(back.former.at(-1)?.proof, { is: 'failed', why: 'no such layer' })
  await settleVariants({ ...failed, number: back.number }, { proof: { is: 'served' } })
  assert.deepEqual((await readVariants(target, 'sentiment'))?.proof, { is: 'served' })
  await assert.rejects(putBackVariants(failed, { why: 'again' }), { code: 'CONFLICT' })
  await change(place)
  assert.deepEqual((await generations(target)).map((id) => id[0]).sort(), ['1', '2'])
})

test('what makes no sense is refused before anything is copied', async (t) => {
  const place = await mountPlace(t)
  await splitPlace(place)
  const before = await generations(place.target)
  const three = await place.version(randomModel('3'))
  await assert.rejects(change(place, { placed: { third: three }, weights: { third: 10 } }), { code: 'USAGE' })
  assert.deepEqual(await generations(place.target), before)
  await assert.rejects(change({ ...place, target: join(place.target, 'other') }), { code: 'NOT_FOUND' })
})

test('a set that cannot be read keeps no delivery back, costs no version, and says what to do', async (t) => {
  const place = await mountPlace(t)
  await splitPlace(place)
  const path = join(place.target, '.ballast/variants/sentiment.json')
  await writeFile(path, '{')
  const { warnings } = await place.follow(await place.version(randomModel('3')))
  assert.match(warnings.join(), /sentiment\.json cannot be read/)
  assert.equal((await generations(place.target)).length, 3)
  await assert.rejects(
    change(place),
    (error) => isBallastError(error, 'DAMAGED') && /delete/.test(error.hint ?? ''),
  )
  await rm(path)
  await change(place, { ofLink: ['stable'], weights: { stable: 1 } })
})

test('a link in the place of the directory of variants is refused', async (t) => {
  const place = await mountPlace(t)
  await place.follow(await place.version(randomModel('1')))
  const elsewhere = join(place.target, '..', 'elsewhere')
  await mkdir(elsewhere)
  await symlink(elsewhere, join(place.target, '.ballast/variants'))
  await assert.rejects(change(place, { ofLink: ['stable'], weights: { stable: 1 } }), { code: 'REFUSED' })
  assert.deepEqual(await readdir(elsewhere), [])
})

test('unmount takes the variants with it', async (t) => {
  const place = await mountPlace(t)
  await splitPlace(place)
  assert.deepEqual((await unmountTarget(place.target)).kept, [])
})
