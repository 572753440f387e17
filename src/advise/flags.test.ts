import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Question } from './decide.ts'
import { type Flags, questionsOf } from './flags.ts'
import { measured } from './quantity.ts'

const NOTHING = { known: {} }
const SIZE = { size: '2GB' }

test('without an environment there are three questions, and what is said of nodes and rates is about production', () => {
  const questions = questionsOf(
    { ...SIZE, updates: 'daily', nodes: '40', offline: true, coupling: 'tight' },
    NOTHING,
  )
  assert.deepEqual(
    questions.map(({ answers, inputs }) => [
      answers.environment,
      inputs.nodes.value,
      answers.offline,
      answers.coupling,
    ]),
    [
      ['development', 1, false, 'tight'],
      ['staging', 1, false, 'tight'],
      ['production', 40, true, 'tight'],
    ],
  )
  assert.equal(questions[0]?.inputs.modelUpdates.origin, 'assumed')
  assert.equal(questions[2]?.inputs.modelUpdates.origin, 'given')
})

test('what is given goes before what was measured, and that before what is assumed', () => {
  const known = { modelBytes: measured(5e9, 'm'), imageBytes: measured(3e9, 'app') }
  const [question] = questionsOf({ ...SIZE, environment: 'production' }, { known })
  assert.ok(question)
  const { modelBytes, imageBytes, codeUpdates } = question.inputs
  assert.deepEqual(
    [modelBytes, imageBytes, codeUpdates].map(({ origin }) => origin),
    ['given', 'measured', 'assumed'],
  )
  assert.ok(codeUpdates.low < codeUpdates.high, 'an assumption has a range')
})

test('what contradicts itself is refused with the reason', () => {
  const cases: readonly (readonly [Flags, RegExp])[] = [
    [{}, /how large/],
    [{ ...SIZE, offline: true, 'scale-to-zero': true }, /has to reach something/],
    [{ ...SIZE, offline: true, platform: 'serverless' }, /pulls from a registry/],
    [{ ...SIZE, immutable: true, reload: true }, /takes no new model while it runs/],
    [{ ...SIZE, replicas: '2', nodes: '5' }, /fewer containers than nodes/],
    [{ ...SIZE, 'code-size': '5GB', 'image-size': '1GB' }, /more than the whole image/],
    [{ ...SIZE, environment: 'prod' }, /no such choice/],
    [{ ...SIZE, nodes: '0' }, /number of at least one/],
  ]
  for (const [flags, message] of cases) {
    assert.throws(() => questionsOf(flags, NOTHING), { code: 'USAGE', message })
  }
})

test('a code size alone makes the image at least as large', () => {
  const [question] = questionsOf({ ...SIZE, 'code-size': '9GB', environment: 'production' }, NOTHING)
  assert.equal(question?.inputs.imageBytes.value, 9e9)
})

function production(flags: Flags): Question['inputs'] {
  const [question] = questionsOf({ ...SIZE, ...flags, environment: 'production' }, NOTHING)
  assert.ok(question)
  return question.inputs
}

test('what follows from a flag is assumed, and not taken for given', () => {
  const { uplinkPerByte, linkPerByte } = production({ link: '4Mbps' })
  assert.equal(linkPerByte.origin, 'given')
  assert.equal(uplinkPerByte.origin, 'assumed')
  assert.ok(uplinkPerByte.low < uplinkPerByte.high)
})

test('there are no more nodes than containers, said or not', () => {
  const { nodes } = production({ replicas: '1' })
  assert.deepEqual([nodes.low, nodes.value, nodes.high, nodes.origin], [1, 1, 1, 'assumed'])
})

test('one node gets no more than all of them together', () => {
  const slow = 8 / 100e6
  assert.equal(production({ egress: '100Mbps' }).linkPerByte.value, slow)
  const both = production({ egress: '100Mbps', link: '10Gbps' }).linkPerByte
  assert.deepEqual([both.value, both.origin, both.from], [slow, 'given', '--link, no more than --egress'])
  assert.equal(production({ link: '40Gbps' }).egressPerByte.value, 8 / 40e9)
})
