import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sensitivityOf } from './crossings.ts'
import { decide, type Question } from './decide.ts'
import { type Flags, questionsOf } from './flags.ts'

function production(flags: Flags): Question {
  const [question] = questionsOf({ ...flags, environment: 'production' }, { known: {} })
  assert.ok(question)
  return question
}

test('what can be filled by hand on one node only makes the answer depend on whether there are more', () => {
  const { strategy, dependsOn } = decide(
    production({ size: '5MB', updates: '2/week', nodes: '1..3', upkeep: '2h' }),
  )
  assert.equal(strategy, 'depends')
  const flip = dependsOn.find(({ input }) => input === 'nodes')
  assert.deepEqual([flip?.at, flip?.below.name, flip?.above.name], [1, 'by-hand', 'copy'])
})

test('nobody is told that another answer needs less than one application', () => {
  const question = production({
    size: '20MB',
    updates: 'hourly',
    tenants: '60',
    team: 'separate',
    coupling: 'tight',
    'no-node-access': true,
  })
  for (const { input, at } of sensitivityOf(question)) {
    if (['apps', 'tenants', 'nodes', 'replicas'].includes(input)) assert.ok(at === null || at >= 1, input)
  }
})
