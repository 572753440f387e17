import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BallastError } from '../core/index.ts'
import {
  editVariants,
  noVariants,
  type PlacedVariant,
  type VariantEdit,
  type VariantSet,
} from './variants.ts'
import { decodeVariants, encodeVariants } from './variants-file.ts'

const version = (number: number): PlacedVariant => ({
  id: `${number}-${`${number}`.repeat(12)}`,
  model: 'sentiment',
  digest: `sha256:${`${number}`.repeat(64)}` as PlacedVariant['digest'],
  number,
  reference: `sentiment:${number}`,
})

interface Wanted {
  readonly placed?: Readonly<Record<string, PlacedVariant>>
  readonly weights?: Readonly<Record<string, number>>
  readonly withdrawn?: readonly string[]
  readonly routes?: Readonly<Record<string, string | undefined>>
}

const edit = (set: VariantSet, { placed = {}, weights = {}, withdrawn = [], routes = {} }: Wanted) => {
  const wanted: VariantEdit = {
    placed: new Map(Object.entries(placed)),
    weights: new Map(Object.entries(weights)),
    withdrawn,
    routes: new Map(Object.entries(routes)),
  }
  return editVariants(set, wanted, { time: '2026-01-01T00:00:00Z', by: 'a test' })
}

const split = edit(noVariants('sentiment'), {
  placed: { stable: { ...version(1), ofLink: true }, canary: version(2) },
  weights: { stable: 90, canary: 10 },
})

const weightsOf = ({ variants }: VariantSet) =>
  Object.fromEntries(variants.map(({ name, weight }) => [name, weight]))

const refuses = (code: string, wanted: Wanted, hint: RegExp, set = split): void => {
  assert.throws(
    () => edit(set, wanted),
    (error) => error instanceof BallastError && error.code === code && hint.test(error.hint ?? ''),
  )
}

describe('editVariants', () => {
  it('changes weights, versions and rules as one, and remembers what was', () => {
    const next = edit(split, {
      placed: { canary: version(3), 'tenant-acme': version(4) },
      weights: { stable: 80, canary: 20 },
      routes: { acme: 'tenant-acme' },
    })
    assert.deepEqual(weightsOf(next), { stable: 80, canary: 20, 'tenant-acme': 0 })
    assert.deepEqual(
      next.variants.map(({ number }) => number),
      [1, 3, 4],
    )
    assert.deepEqual(next.rules, [{ tenant: 'acme', variant: 'tenant-acme' }])
    assert.deepEqual([next.number, next.former.length, next.former[0]?.variants], [2, 1, split.variants])
    assert.equal(next.variants[1]?.ofLink, undefined)
  })

  it('is the same set where nothing changes', () => {
    assert.equal(edit(split, { weights: { stable: 90, canary: 10 }, placed: { canary: version(2) } }), split)
  })

  it('withdraws a variant with its rules, and one that was there only for a tenant with the rule', () => {
    const routed = edit(split, {
      placed: { 'tenant-b': version(3) },
      routes: { a: 'canary', b: 'tenant-b' },
    })
    const withdrawn = edit(routed, { withdrawn: ['canary'] })
    assert.deepEqual(weightsOf(withdrawn), { stable: 90, 'tenant-b': 0 })
    assert.deepEqual(
      withdrawn.rules.map(({ tenant }) => tenant),
      ['b'],
    )
    assert.deepEqual(weightsOf(edit(withdrawn, { routes: { b: undefined } })), { stable: 90 })
    assert.deepEqual(weightsOf(edit(routed, { routes: { a: undefined } })), weightsOf(routed))
    assert.deepEqual(edit(split, { withdrawn: ['canary', 'stable'] }).variants, [])
  })

  it('refuses what would change shares unsaid, leave keys without a variant, or names what is not there', () => {
    refuses('USAGE', { weights: { canary: 20 } }, /stable=90 canary=20/)
    refuses('USAGE', { weights: { stable: 0, canary: 0 } }, /stable=100/)
    refuses('NOT_FOUND', { weights: { stable: 90, canari: 10 } }, /canari=REF; there are stable, canary/)
    refuses('NOT_FOUND', { withdrawn: ['other'] }, /there are stable, canary/)
    refuses('NOT_FOUND', { routes: { acme: undefined } }, /no tenant/)
    refuses('NOT_FOUND', { routes: { acme: 'other' } }, /other=REF/)
  })

  it('keeps the last fifty changes', () => {
    let set = split
    for (let weight = 100; weight < 200; weight++)
      set = edit(set, { weights: { stable: weight, canary: 10 } })
    assert.deepEqual([set.number, set.former.length, set.former[0]?.number], [101, 50, 51])
  })
})

describe('decodeVariants', () => {
  it('reads what was written', () => {
    const set = edit(split, { routes: { 'Acme Inc. "é"': 'canary' } })
    assert.deepEqual(decodeVariants(Buffer.from(encodeVariants(set))), set)
    const none = noVariants('sentiment')
    assert.deepEqual(decodeVariants(Buffer.from(encodeVariants(none))), none)
  })

  const damages: Readonly<Record<string, (set: Record<string, unknown>) => unknown>> = {
    'another version': (set) => ({ ...set, version: 2 }),
    'a path as id': (set) => ({ ...set, variants: [{ ...split.variants[0], id: '../../etc' }] }),
    'a negative weight': (set) => ({ ...set, variants: [{ ...split.variants[0], weight: -1 }] }),
    'no weight at all': (set) => ({ ...set, variants: [{ ...split.variants[0], weight: 0 }] }),
    'a name twice': (set) => ({ ...set, variants: [split.variants[0], split.variants[0]] }),
    'a rule for nothing': (set) => ({ ...set, rules: [{ tenant: 'a', variant: 'b' }] }),
    'no variants': (set) => ({ ...set, variants: undefined }),
    'no history': (set) => ({ ...set, former: undefined }),
  }
  for (const [what, damage] of Object.entries(damages)) {
    it(`believes nothing with ${what}`, () => {
      assert.equal(decodeVariants(Buffer.from(JSON.stringify(damage({ ...split })))), undefined)
    })
  }
})
