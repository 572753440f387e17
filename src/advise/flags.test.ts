import assert from 'node:assert/strict'
import { test } from 'node:test'
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
