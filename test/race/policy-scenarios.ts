import assert from 'node:assert/strict'
import { join } from 'node:path'
import { openStore } from '../../src/store/index.ts'
import { gc } from '../../src/workflows/gc.ts'
import { mount } from '../../src/workflows/mount.ts'
import { tag } from '../../src/workflows/tag.ts'
import { filesOf } from '../fixtures/store-facts.ts'
import type { Actor } from './barriers.ts'
import {
  addOnce,
  assertMissed,
  assertSucceeded,
  assertThere,
  type Place,
  type Scenario,
  writeSource,
} from './scenarios.ts'

/** Beside a `gc` that would remove every version but the newest of each model. */
export const POLICY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'tag of an old version, gc by policy',
    async prepare(place) {
      await prepareTwo(place)
      const tagging = async (): Promise<unknown> => tag(await openStore(place.store), ['model:1', 'prod'])
      return {
        actors: [{ name: 'tag', work: tagging }, collectingByPolicy(place)],
        assertDone: async ([tagged, collected]) => {
          assertSucceeded(collected === undefined ? [] : [collected])
          assertThere(place, ['model:2', 'model:latest'])
          if (tagged?.status === 'rejected') assertMissed(tagged.reason)
          // With its number, which it had when it was tagged.
          else assertThere(place, ['model:1', 'model:prod'])
        },
      }
    },
  },
  {
    name: 'mount of an old version, gc by policy',
    async prepare(place) {
      const first = await prepareTwo(place)
      const target = join(place.root, 'target')
      const mounting = async (): Promise<unknown> =>
        mount(await openStore(place.store), { ref: 'model:1', target })
      return {
        actors: [{ name: 'mount', work: mounting }, collectingByPolicy(place)],
        assertDone: async ([mounted, collected]) => {
          assertSucceeded(collected === undefined ? [] : [collected])
          assertThere(place, ['model:2', 'model:latest'])
          if (mounted?.status === 'rejected') return assertMissed(mounted.reason)
          assertThere(place, ['model:1'])
          assert.deepEqual(await filesOf(target), await filesOf(first.directory))
        },
      }
    },
  },
  {
    name: 'add of the bytes of an old version, gc by policy',
    async prepare(place) {
      const first = await prepareTwo(place)
      return {
        actors: [{ name: 'add', work: () => addOnce(place, 'model', first) }, collectingByPolicy(place)],
        assertDone: async (outcomes) => {
          assertSucceeded(outcomes)
          assertThere(place, ['model:latest'])
        },
      }
    },
  },
]

async function prepareTwo(place: Place) {
  const first = await writeSource(place, 'one')
  await addOnce(place, 'model', first)
  await addOnce(place, 'model', await writeSource(place, 'two'))
  return first
}

/** As the command does it, but that no Engine is there. */
function collectingByPolicy({ root, store }: Place): Actor {
  const engine = { host: `unix://${join(root, 'no-engine')}`, dockerConfig: root }
  const places = { engine, cacheDirectory: join(root, 'cache') }
  return {
    name: 'gc by policy',
    work: async () => gc(await openStore(store), { policy: { keepLast: 1 }, places }),
  }
}
