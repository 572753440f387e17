import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formerVariants,
  newVariants,
  whyPutBack,
  withVariantProof,
  withVariantsPutBack,
} from './variant-proof.ts'
import { editVariants, noVariants, type PlacedVariant, type VariantSet } from './variants.ts'
import { decodeVariants, encodeVariants } from './variants-file.ts'

const placed = (number: number): PlacedVariant => ({
  id: `${number}-${`${number}`.repeat(12)}`,
  model: 'sentiment',
  digest: `sha256:${`${number}`.repeat(64)}` as PlacedVariant['digest'],
  number,
  reference: `sentiment:${number}`,
})

function withCanary(set: VariantSet, number: number, proof?: VariantSet['proof']): VariantSet {
  const edit = {
    placed: new Map([['canary', placed(number)]]),
    weights: new Map([['canary', 1]]),
    withdrawn: [],
    routes: new Map<string, string>(),
  }
  const changed = editVariants(set, edit, { time: '2026-01-01T00:00:00.000Z', by: `canary ${number}` })
  return proof === undefined ? changed : { ...changed, proof }
}

const numbers = ({ variants }: Pick<VariantSet, 'variants'>): readonly number[] =>
  variants.map(({ number }) => number)

test('what was there before is the newest state that no application has failed to take', () => {
  const proven = withCanary(noVariants('sentiment'), 1, { is: 'served' })
  const failed = withCanary(proven, 2, { is: 'failed', why: 'no' })
  const open = withCanary(failed, 3, { is: 'pending' })
  const now = withCanary(open, 4, { is: 'pending' })
  assert.deepEqual(numbers(formerVariants(now)), [1])
  assert.deepEqual(
    newVariants(now, formerVariants(now)).map(({ number }) => number),
    [4],
  )
  const back = withVariantsPutBack(now, { why: 'no layer', time: '2026-01-02T00:00:00.000Z' })
  assert.deepEqual([numbers(back), back.number, back.proof?.is], [[1], 5, 'pending'])
  assert.deepEqual([whyPutBack(back)?.by, whyPutBack(back)?.proof?.why], ['canary 4', 'no layer'])
  assert.equal(whyPutBack(now), undefined)
})

test('of a first change nothing is left', () => {
  const first = withCanary(noVariants('sentiment'), 1, { is: 'pending' })
  const back = withVariantsPutBack(first, { why: 'no', time: '2026-01-02T00:00:00.000Z' })
  assert.deepEqual([back.variants, back.rules], [[], []])
})

test('what became of a change is written down with it, also once another one has followed, and goes with it alone', () => {
  const first = withCanary(noVariants('sentiment'), 1, { is: 'pending' })
  const settled = withVariantProof(withCanary(first, 2), { number: 1, proof: { is: 'untold' } })
  assert.deepEqual([settled.proof, settled.former[0]?.proof], [undefined, { is: 'untold' }])
  assert.deepEqual(decodeVariants(Buffer.from(encodeVariants(settled))), settled)
  assert.equal(withVariantProof(settled, { number: 9, proof: { is: 'served' } }), settled)
})
