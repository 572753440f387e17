import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answers } from './answers.ts'
import { costsOf } from './costs.ts'
import { mapInputs, type Numbers } from './inputs.ts'
import { type Rates, STEP_NAMES } from './rates.ts'
import { sumOf, type Terms } from './terms.ts'
import { WAYS, type WayName } from './ways.ts'

/** Every step takes a second whatever the size, and nothing for bytes: what costs time here are links and starts. */
const RATES = Object.fromEntries(STEP_NAMES.map((step) => [step, { fixed: 1, perByte: 0 }])) as Rates

const PRODUCTION: Answers = {
  environment: 'production',
  local: false,
  platform: 'docker',
  coupling: 'loose',
  team: 'same',
  nodeAccess: true,
  offline: false,
  immutable: false,
  scaleToZero: false,
  reload: false,
}

/** A model of 100 bytes in an image of 1000, on two nodes with three containers each. */
const NUMBERS: Partial<Numbers> = {
  modelBytes: 100,
  changedShare: 0.1,
  sentShare: 0.3,
  pulledShare: 0.5,
  imageBytes: 1000,
  codeBytes: 10,
  copyRepeats: 0,
  nodes: 2,
  replicas: 6,
  apps: 1,
  tenants: 1,
  machine: 1,
}

interface Case {
  readonly way: WayName
  readonly answers?: Partial<Answers>
  readonly numbers?: Partial<Numbers>
}

function costOf(
  { way: name, answers = {}, numbers = {} }: Case,
  pick: (costs: ReturnType<typeof costsOf>) => Terms,
): number {
  const way = WAYS.find((one) => one.name === name)
  assert.ok(way)
  const all = { ...mapInputs(() => 0), ...NUMBERS, ...numbers }
  return sumOf(pick(costsOf(way, { ...PRODUCTION, ...answers }, RATES)), all)
}

const updateBytes = (one: Case): number => costOf(one, ({ update }) => update.bytes)
const codeBytes = (one: Case): number => costOf(one, ({ code }) => code.bytes)

test('an update moves to nodes what they lack, by how they tell layers', () => {
  const kubernetes = { platform: 'kubernetes' } as const
  const cases: readonly (readonly [Case, number])[] = [
    [{ way: 'copy' }, 100 + 2 * 100],
    [{ way: 'embed-top' }, 30 + 2 * 50],
    [{ way: 'embed-top', answers: kubernetes }, 30 + 2 * 30],
    [{ way: 'embed-bottom' }, 30 + 2 * (50 + 1000)],
    [{ way: 'embed-bottom', answers: kubernetes }, 30 + 2 * 30],
    [{ way: 'by-hand', numbers: { nodes: 1 } }, 10],
    [{ way: 'download' }, 10 + 6 * 100],
    [{ way: 'mount-volume' }, 10 + 2 * 10],
    [{ way: 'mount-plugin' }, 10 + 2 * 10],
  ]
  for (const [one, expected] of cases) assert.equal(updateBytes(one), expected, JSON.stringify(one))
})

test('of several applications each has an image, and all have one mounted model', () => {
  const numbers = { apps: 3 }
  assert.equal(updateBytes({ way: 'copy', numbers }), 3 * (100 + 2 * 100))
  assert.equal(updateBytes({ way: 'embed-top', numbers }), 30 + 3 * 2 * 50)
  assert.equal(updateBytes({ way: 'mount-plugin', numbers }), 10 + 2 * 10)
})

test('where nothing is kept, every container pulls model and image anew, whatever has changed', () => {
  const answers = { platform: 'serverless' } as const
  assert.equal(updateBytes({ way: 'copy', answers }), 100 + 6 * (100 + 1000))
  assert.equal(updateBytes({ way: 'embed-top', answers }), 30 + 6 * (100 + 1000))
  assert.equal(updateBytes({ way: 'embed-bottom', answers }), 30 + 6 * (100 + 1000))
  assert.equal(updateBytes({ way: 'download', answers }), 10 + 6 * (100 + 1000))
  for (const way of ['copy', 'embed-top', 'embed-bottom', 'download'] as const) {
    assert.equal(codeBytes({ way, answers }), 10 + 6 * (100 + 1000), way)
  }
})

test('new code comes into the image of each variant', () => {
  const numbers = { tenants: 5 }
  assert.equal(codeBytes({ way: 'embed-top' }), 10 + 2 * (10 + 100))
  assert.equal(codeBytes({ way: 'embed-top', numbers }), 10 + 2 * (10 + 5 * 100))
  assert.equal(codeBytes({ way: 'copy', numbers: { ...numbers, copyRepeats: 1 } }), 10 + 2 * 10 + 5 * 300)
  assert.equal(codeBytes({ way: 'mount-plugin', numbers }), 10 + 2 * 10)
  const uploads = costOf({ way: 'embed-bottom', numbers }, ({ code }) => code.seconds)
  assert.equal(uploads, 1 + 5, 'one pull of the code, an upload for each')
})

test('people fill a directory once for all applications, and redeploy each where an image has the model', () => {
  const work = (way: WayName, answers: Partial<Answers> = {}): number =>
    costOf({ way, answers, numbers: { apps: 3, attention: 60, agreement: 600 } }, ({ people }) => people)
  assert.equal(work('by-hand'), 60)
  assert.equal(work('copy'), 180)
  assert.equal(work('mount-plugin'), 0)
  assert.equal(work('mount-plugin', { coupling: 'tight' }), 180)
  assert.equal(work('copy', { team: 'separate' }), 180 + 1800)
  assert.equal(work('mount-plugin', { team: 'separate' }), 0)
})
