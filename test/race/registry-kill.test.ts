import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, start } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { createRandom } from '../fixtures/random.ts'
import { leftoversIn } from '../fixtures/store-facts.ts'
import { startRegistry } from './images.ts'
import { createWorld, letTimePass, writeModel } from './world.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
const KILLS = 3

test('a registry killed while it is pushed to: the client says so, and the store is whole', async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const random = createRandom(SEED)
  const world = await createWorld()
  t.after(world.clear)
  const layout = world.fresh('layout')
  await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
  const served = world.fresh('served')
  const embedInto = (url: string): string[] => {
    const image = `${url.replace('http://', '')}/app:out`
    return ['embed', 'sentiment=/app/models', `oci:${layout}:base`, '-t', image]
  }
  // The first push says how long one takes; its layers are never asked for again, because each model is new.
  let ms = 0
  let refused = 0
  for (let kill = 0; kill <= KILLS; kill++) {
    const model = await writeModel(world.fresh('source'), random)
    await world.add('sentiment', model.directory)
    const first = await startRegistry(served)
    t.after(first.running.kill)
    const client = start(embedInto(first.url), { store: world.store })
    t.after(client.kill)
    if (kill > 0) {
      await sleep(random.next() * ms)
      first.running.kill()
    }
    const ran = await client.ended
    if (kill === 0) ms = ran.ms
    first.running.kill()
    await first.running.ended
    if (kill === 0 || ran.code === 0) assert.equal(ran.code, 0, ran.stderr)
    else {
      refused++
      assert.equal(ran.code, 6, ran.stderr)
      assert.match(ran.stderr, /127\.0\.0\.1/)
      assert.doesNotMatch(ran.stderr, /^ {4}at /m)
    }

    const verified = await run(['verify'], { store: served })
    assert.equal(verified.code, 0, verified.stdout + verified.stderr)
    const second = await startRegistry(served)
    t.after(second.running.kill)
    const again = await run(embedInto(second.url), { store: world.store })
    assert.equal(again.code, 0, again.stderr)
    second.running.kill()
    await second.running.ended
    await letTimePass(served)
    assert.equal((await run(['gc'], { store: served })).code, 0)
    assert.deepEqual(await leftoversIn(served), [])
    assert.equal((await run(['verify'], { store: served })).code, 0)
  }
  t.diagnostic(`${refused} of ${KILLS} pushes were cut off (a whole push: ${Math.round(ms)} ms)`)
})
