import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../../core/index.ts'
import { createTokenCache, type Token } from './token-cache.ts'

/** A cache whose fetches end when the test says so. */
function createScene() {
  const fetches: (PromiseWithResolvers<Token> & { readonly key: string; readonly signal: AbortSignal })[] = []
  const clock = { now: 0 }
  const cache = createTokenCache(
    (key, signal) => {
      const fetch = { ...Promise.withResolvers<Token>(), key, signal }
      fetches.push(fetch)
      return fetch.promise
    },
    () => clock.now,
  )
  return { cache, fetches, clock }
}

test('all who ask at once share one fetch; afterwards the token is kept until its end', async () => {
  const { cache, fetches, clock } = createScene()
  const asked = [1, 2, 3].map(() => cache.get('pull'))
  fetches[0]?.resolve({ value: 'one', until: 1000 })
  assert.deepEqual(await Promise.all(asked), ['one', 'one', 'one'])
  clock.now = 999
  assert.equal(await cache.get('pull'), 'one')
  assert.equal(fetches.length, 1)
  clock.now = 1000
  const renewed = cache.get('pull')
  fetches[1]?.resolve({ value: 'two', until: 2000 })
  assert.equal(await renewed, 'two')
})

test('each key has a token of its own', async () => {
  const { cache, fetches } = createScene()
  const asked = [cache.get('pull'), cache.get('push')]
  for (const { key, resolve } of fetches) resolve({ value: `for ${key}`, until: 1000 })
  assert.deepEqual(await Promise.all(asked), ['for pull', 'for push'])
})

test('a token that was refused is fetched anew once, for all who were refused it', async () => {
  const { cache, fetches } = createScene()
  const first = cache.get('pull')
  fetches[0]?.resolve({ value: 'one', until: 1000 })
  await first
  const asked = [1, 2, 3].map(() => cache.get('pull', { refused: 'one' }))
  fetches[1]?.resolve({ value: 'two', until: 1000 })
  assert.deepEqual(await Promise.all(asked), ['two', 'two', 'two'])
  assert.equal(await cache.get('pull', { refused: 'one' }), 'two')
  assert.equal(fetches.length, 2)
})

test('a failure is told to all and not kept', async () => {
  const { cache, fetches } = createScene()
  const asked = [cache.get('pull'), cache.get('pull')]
  fetches[0]?.reject(new Error('no'))
  for (const { status } of await Promise.allSettled(asked)) assert.equal(status, 'rejected')
  const again = cache.get('pull')
  fetches[1]?.resolve({ value: 'one', until: 1000 })
  assert.equal(await again, 'one')
})

test('one who is aborted leaves; the last one ends the fetch', async () => {
  const { cache, fetches } = createScene()
  const [first, second] = [new AbortController(), new AbortController()]
  const asked = [first, second].map(({ signal }) => cache.get('pull', { signal }))
  first.abort()
  await assert.rejects(asked[0] as Promise<string>, (error) => isBallastError(error, 'INTERRUPTED'))
  assert.equal(fetches[0]?.signal.aborted, false)
  second.abort()
  await assert.rejects(asked[1] as Promise<string>, (error) => isBallastError(error, 'INTERRUPTED'))
  assert.equal(fetches[0]?.signal.aborted, true)
  const later = cache.get('pull')
  assert.equal(fetches.length, 2)
  fetches[1]?.resolve({ value: 'one', until: 1000 })
  assert.equal(await later, 'one')
})
