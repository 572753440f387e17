import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, run, start } from '../fixtures/command.ts'
import { exampleScene } from '../fixtures/example-scene.ts'
import { type Behaviour, EXAMPLE_SERVICES, type ExampleService } from '../fixtures/example-services.ts'
import { eventually } from '../fixtures/wait.ts'

const NOT_TAKEN: readonly (readonly [Behaviour, RegExp])[] = [
  ['fails', /these are no weights|too short|not a|could not|length/i],
  ['never', /^not ready after 1 s/],
  ['late', /^not ready after 1 s/],
]

for (const service of EXAMPLE_SERVICES) {
  for (const [behaviour, why] of NOT_TAKEN) {
    test(`the ${service.name} service: a version that ${behaviour === 'fails' ? 'fails to load' : `is ready ${behaviour}`} is put back`, {
      skip: service.skip,
    }, async (t) => {
      const place = await prepare(t, service)
      const follower = place.follow()
      await eventually(async () => assert.match(follower.stdout(), /sentiment:1 is there already/))
      const stop = answers(place.url)
      await place.add(behaviour, 'sentiment:prod')
      await eventually(async () =>
        assert.match(follower.stdout(), /sentiment:2 failed: .*; sentiment:1 put back/),
      )
      assert.deepEqual(await stop(), ['200'])

      const checked = await run(['check', place.target], place.options)
      assert.equal(checked.code, 0, checked.stdout)
      assert.match(checked.stdout, /^ok.*sentiment:1/)
      const reason = /sentiment:2 was put back: (.*)/.exec(checked.stdout)?.[1] ?? ''
      assert.match(reason, why)
      const moves = await ask<readonly { number: number; proof?: { is: string; why?: string } }[]>(
        ['history', place.target],
        place.options,
      )
      assert.deepEqual(
        moves.map(({ number, proof }) => [number, proof?.is]),
        [
          [1, undefined],
          [2, 'failed'],
          [1, 'served'],
        ],
      )
      assert.equal(moves[1]?.proof?.why, reason)
      if (behaviour === 'never') return
      // A service that still loads the former one would not be ready in time for this one either.
      if (behaviour === 'late') await sleep(4000)
      await place.add('good', 'sentiment:prod')
      await eventually(async () => assert.match(follower.stdout(), /sentiment:3 is served/))
    })
  }
}

async function prepare(t: TestContext, service: ExampleService) {
  const scene = await exampleScene(t, service)
  const follow = () => {
    const flags = ['--ready', `GET ${scene.url}/health`, '--within', '1s']
    const running = start(['mount', 'sentiment:prod', scene.target, '--follow', ...flags], scene.options)
    t.after(running.kill)
    return running
  }
  return { ...scene, follow }
}

/** Asks all the time until the function that it returns is called, which says with what it was answered. */
function answers(url: string): () => Promise<readonly string[]> {
  const found = new Set<string>()
  const ending = new AbortController()
  const asking = (async () => {
    while (!ending.signal.aborted) {
      const answer = await fetch(`${url}/predict?text=good&key=a`).catch(String)
      found.add(typeof answer === 'string' ? answer : `${answer.status}`)
      if (typeof answer !== 'string') await answer.arrayBuffer()
      await sleep(2)
    }
  })()
  return async () => {
    ending.abort()
    await asking
    return [...found]
  }
}
