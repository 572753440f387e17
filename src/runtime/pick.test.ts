import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { distanceOf, pickByKey, type Weighted } from './pick.ts'

interface Vectors {
  readonly distances: readonly { readonly hash: string; readonly distance: string }[]
  readonly picks: readonly {
    readonly salt: string
    readonly variants: readonly Weighted[]
    readonly picks: readonly (readonly [string, string])[]
  }[]
}

const vectors = JSON.parse(
  await readFile(new URL('../../test/fixtures/pick-vectors.json', import.meta.url), 'utf8'),
) as Vectors

const KEYS = Array.from({ length: 100_000 }, (_, index) => `user-${index}`)

const picks = (weights: Readonly<Record<string, number>>, keys: readonly string[] = KEYS) => {
  const variants = Object.entries(weights).map(([name, weight]) => ({ name, weight }))
  return keys.map((key) => pickByKey(variants, { salt: 'sentiment', key })?.name)
}

const moved = (before: readonly unknown[], after: readonly unknown[]): readonly string[] => [
  ...new Set(before.flatMap((was, index) => (was === after[index] ? [] : [`${was}>${after[index]}`]))),
]

const share = (found: readonly unknown[], name: string): number =>
  found.filter((one) => one === name).length / found.length

describe('pickByKey', () => {
  it('is as published', () => {
    for (const { hash, distance } of vectors.distances)
      assert.equal(`${distanceOf(BigInt(`0x${hash}`))}`, distance, hash)
    for (const { salt, variants, picks } of vectors.picks) {
      for (const [key, name] of picks) assert.equal(pickByKey(variants, { salt, key })?.name, name, key)
    }
  })

  it('shares 100,000 keys as the weights say, and moves only the keys that it must', () => {
    const before = picks({ stable: 90, canary: 10 })
    assert.ok(Math.abs(share(before, 'canary') - 0.1) < 0.01, `${share(before, 'canary')}`)
    assert.deepEqual(picks({ canary: 1, stable: 9 }), before)
    const more = picks({ stable: 80, canary: 20 })
    assert.ok(Math.abs(share(more, 'canary') - 0.2) < 0.01, `${share(more, 'canary')}`)
    assert.deepEqual(moved(before, more), ['stable>canary'])
  })

  it('gives the keys of a variant that is withdrawn to the others, and takes those of a new one from all', () => {
    const keys = KEYS.slice(0, 20_000)
    const three = picks({ a: 50, b: 30, c: 20 }, keys)
    const two = picks({ a: 50, b: 30 }, keys)
    assert.deepEqual(moved(three, two).toSorted(), ['c>a', 'c>b'])
    assert.ok(Math.abs(share(two, 'a') - 0.625) < 0.015, `${share(two, 'a')}`)
    for (const name of ['a', 'b', 'c']) {
      const wanted = { a: 0.5, b: 0.3, c: 0.2 }[name] ?? 0
      assert.ok(Math.abs(share(three, name) - wanted) < 0.015, `${name}: ${share(three, name)}`)
    }
  })

  it('is independent for different models', () => {
    const variants = [
      { name: 'stable', weight: 50 },
      { name: 'canary', weight: 50 },
    ]
    const keys = KEYS.slice(0, 10_000)
    const names = (salt: string) => keys.map((key) => pickByKey(variants, { salt, key })?.name)
    const [one, other] = [names('sentiment'), names('toxicity')]
    const same = one.filter((name, index) => name === other[index]).length / keys.length
    assert.ok(Math.abs(same - 0.5) < 0.03, `${same}`)
  })

  it('never takes a weight of 0', () => {
    assert.equal(pickByKey([{ name: 'a', weight: 0 }], { salt: '', key: 'k' }), undefined)
    assert.deepEqual([...new Set(picks({ a: 0, b: 1, c: 0 }, KEYS.slice(0, 100)))], ['b'])
  })
})
