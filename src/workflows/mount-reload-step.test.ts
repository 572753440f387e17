import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../core/index.ts'
import type { Proof } from '../model/index.ts'
import type { Followed, Generation } from '../mount/index.ts'
import { nextStep } from './mount-reload-step.ts'

const [v1, v2, v3] = ['1', '2', '3'].map((seed) => digestOf(seed)) as [
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
]

function generation(number: number, proof?: Proof['is'], by = 'follow'): Generation {
  const digest = [v1, v2, v3][number - 1] ?? v1
  return { id: `${number}-x`, digest, number, time: '', by, ...(proof && { proof: { is: proof } }) }
}

function followed(generations: readonly Generation[], refused?: number): Followed {
  const why = 'a reason'
  return {
    ...{ model: 'sentiment', reference: 'sentiment:prod', files: [], generations },
    ...(refused !== undefined && {
      refused: { digest: generation(refused).digest, number: refused, time: '', why },
    }),
  }
}

const START = { seen: undefined, told: undefined, retry: false }

test('a process that begins delivers what the tag points to', () => {
  assert.equal(nextStep({ ...START, tag: v1, followed: undefined }), 'deliver')
  assert.equal(nextStep({ ...START, tag: v1, followed: followed([generation(1)]) }), 'deliver')
  assert.equal(nextStep({ ...START, tag: v2, followed: followed([generation(1)]) }), 'deliver')
})

test('the first version is told to nobody, each other one is', () => {
  const seen = { ...START, seen: v2, tag: v2 }
  assert.equal(nextStep({ ...seen, followed: followed([generation(2)]) }), 'wait')
  assert.equal(nextStep({ ...seen, followed: followed([generation(2, undefined, 'unrecorded')]) }), 'wait')
  assert.equal(nextStep({ ...seen, followed: followed([generation(1), generation(2, 'pending')]) }), 'judge')
  assert.equal(nextStep({ ...seen, followed: followed([generation(1), generation(2, 'served')]) }), 'wait')
})

test('what was killed before it was recorded, or before the application was told of the way back, is judged', () => {
  const unrecorded = followed([generation(1), generation(2, undefined, 'unrecorded')])
  assert.equal(nextStep({ ...START, seen: v2, tag: v2, followed: unrecorded }), 'judge')
  const back = followed([generation(1), generation(2, 'failed'), generation(1, 'pending', 'put back')], 2)
  assert.equal(nextStep({ ...START, tag: v2, followed: back }), 'judge')
})

test('what was put back waits for its tag to move, or for a retry', () => {
  const back = followed([generation(1), generation(2, 'failed'), generation(1, 'served', 'put back')], 2)
  assert.equal(nextStep({ ...START, tag: v2, followed: back }), 'wait')
  assert.equal(nextStep({ ...START, tag: v2, followed: back, retry: true }), 'deliver')
  assert.equal(nextStep({ ...START, tag: v3, followed: back }), 'deliver')
  assert.equal(nextStep({ seen: v2, told: '1-x', retry: true, tag: v2, followed: back }), 'wait')
  assert.equal(nextStep({ seen: v1, told: '1-x', retry: false, tag: v2, followed: back }), 'deliver')
})

test('what somebody else has put there is judged, too', () => {
  const rolled = followed([generation(1), generation(2, 'served'), generation(1, undefined, 'rollback')])
  assert.equal(nextStep({ seen: v2, told: '2-x', retry: false, tag: v2, followed: rolled }), 'judge')
  assert.equal(nextStep({ seen: v2, told: '1-x', retry: false, tag: v2, followed: rolled }), 'wait')
})
