import assert from 'node:assert/strict'
import { readdir, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { addNew, assertChecks, assertFollows, exists, type Phase, removeAll } from './phases.ts'
import type { Model } from './world.ts'

/** What a model server is shown, from the first version of a target or in place of another. */
export const LAYOUT_PHASES: readonly Phase[] = [
  {
    name: 'mount --layout',
    weight: 2,
    async prepare(world, random) {
      const former = await addNew(world, random, 'shown')
      const target = join(world.fresh('mounts'), 'target')
      const isFirst = random.below(3) === 0
      if (!isFirst) await world.mount('shown', target, { follow: true, layout: 'tfserving' })
      const next = await addNew(world, random, 'shown')
      return {
        args: ['mount', 'shown', target, '--layout', 'tfserving', '--follow', '--once'],
        place: dirname(target),
        whole: async () => {
          if (isFirst && !(await exists(join(target, 'shown')))) return
          await assertChecks(target)
          await assertServes(join(target, 'shown'), [former.model, next.model])
        },
        done: async () => {
          await assertChecks(target)
          await assertServes(join(target, 'shown'), [next.model])
        },
        clear: async () => {
          await rm(dirname(target), { recursive: true })
          await rm(former.model.directory, { recursive: true })
          await removeAll(world, next.model, 'shown')
        },
      }
    },
  },
]

async function assertServes(link: string, models: readonly Model[]): Promise<void> {
  const view = await realpath(link)
  const numbers = (await readdir(view)).map(Number)
  assert.ok(numbers.length > 0 && numbers.every(Number.isInteger), `${link} shows ${numbers.join()}`)
  await assertFollows(join(view, `${Math.max(...numbers)}`), models)
}
