import assert from 'node:assert/strict'
import { test } from 'node:test'
import { factsOfSteps } from './image-steps.ts'

const MB = 1e6
const step = (line: string, bytes = 0): { step: string; bytes: number; created: number } => ({
  step: line,
  bytes,
  created: 0,
})
const BASE = [
  step('ADD file:… in /', 80 * MB),
  step('RUN pip install scikit-learn', 300 * MB),
  step('WORKDIR /app'),
]

test('a copy of the model does not count as image, and one that stands before the code is not repeated', () => {
  const { known, copies } = factsOfSteps(
    [...BASE, step('COPY models ./models', 100 * MB), step('COPY serve.py .', 1 * MB)],
    { modelBytes: 100 * MB, path: '/app/models', name: 'app' },
  )
  assert.equal(known.imageBytes?.value, 381 * MB)
  assert.equal(known.codeBytes?.value, 1 * MB)
  assert.equal(known.copyRepeats?.value, 0)
  assert.deepEqual(copies, ['COPY models ./models'])
})

test('a copy behind the code is repeated with each change of it', () => {
  const { known } = factsOfSteps(
    [...BASE, step('COPY serve.py .', 1 * MB), step('COPY models ./models', 100 * MB)],
    { modelBytes: 100 * MB, path: '/app/models', name: 'app' },
  )
  assert.equal(known.copyRepeats?.value, 1)
})

test('code and model in one copy: every change writes both', () => {
  const { known, copies } = factsOfSteps([...BASE, step('COPY . .', 101 * MB)], {
    modelBytes: 100 * MB,
    path: '/app/models',
    name: 'app',
  })
  assert.equal(known.copyRepeats?.value, 1)
  assert.equal(known.imageBytes?.value, 381 * MB)
  assert.equal(copies.length, 1)
})

test('what was copied into a directory above the model, and is more than the model, has code in it', () => {
  const repeats = (bytes: number): number | undefined =>
    factsOfSteps([...BASE, step('COPY … /app/', bytes)], {
      modelBytes: 100 * MB,
      path: '/app/models',
      name: 'app',
    }).known.copyRepeats?.value
  assert.equal(repeats(103 * MB), 1)
  assert.equal(repeats(100 * MB), 0)
})

test('without a path, a copy of about the size of the model is taken for it, and nothing else is', () => {
  const steps = [...BASE, step('COPY weights /w', 98 * MB), step('COPY src /app', 2 * MB)]
  assert.deepEqual(factsOfSteps(steps, { modelBytes: 100 * MB, name: 'app' }).copies, ['COPY weights /w'])
  assert.deepEqual(factsOfSteps(steps, { modelBytes: 40 * MB, name: 'app' }).copies, [])
})

test('without a model, the last copies are the code and all is image', () => {
  const { known, copies } = factsOfSteps([...BASE, step('COPY src /app', 2 * MB)], { name: 'app' })
  assert.equal(known.imageBytes?.value, 382 * MB)
  assert.equal(known.codeBytes?.value, 2 * MB)
  assert.equal(known.copyRepeats, undefined)
  assert.deepEqual(copies, [])
})
