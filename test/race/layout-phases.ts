import assert from 'node:assert/strict'
import { readdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assertChecks, assertFollows, exists, type Phase, prepareFollowed } from './phases.ts'
import type { Model } from './world.ts'

/** What a model server is shown, from the first version of a target or in place of another. */
export const LAYOUT_PHASES: readonly Phase[] = [
  {
    name: 'mount --layout',
    weight: 2,
    async prepare(world, random) {
      const target = join(world.fresh('mounts'), 'target')
      const { isFirst, former, next, clear } = await prepareFollowed(world, random, {
        name: 'shown',
        target,
        layout: 'tfserving',
      })
      return {
        args: ['mount', 'shown', target, '--layout', 'tfserving', '--follow', '--once'],
        place: dirname(target),
        whole: async () => {
          if (isFirst && !(await exists(join(target, 'shown')))) return
          await assertChecks(target)
          await assertServes(join(target, 'shown'), [former, next])
        },
        done: async () => {
          await assertChecks(target)
          await assertServes(join(target, 'shown'), [next])
        },
        clear,
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
