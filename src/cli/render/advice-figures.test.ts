import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { INPUT_NAMES, type InputName, kindOf, questionsOf } from '../../advise/index.ts'
import { formatFigure, formatHours, formatRate, formatSpan, formatTime } from './advice-figures.ts'

test('rates are written as people write them', () => {
  const written = {
    '1/week': 30 / 7,
    '1/month': 1,
    '2/month': 2,
    '20/month': 20,
    '1/day': 30,
    '2.4/day': 72,
    '1/hour': 720,
    '1/year': 1 / 12,
    '9.8/month': 9.8,
    '0.33/year': 1 / 36,
    never: 0,
  }
  assert.deepEqual(Object.values(written).map(formatRate), Object.keys(written))
})

test('times go over to the next unit without saying 60 of the former', () => {
  const times = [0.25, 12, 59.4, 59.7, 61, 90, 3570, 3600, 86_400, 36e6]
  assert.deepEqual(times.map(formatTime), [
    '0.25 s',
    '12 s',
    '59 s',
    '1 min',
    '1 min',
    '1.5 min',
    '1 h',
    '1 h',
    '24 h',
    '10,000 h',
  ])
})

test('hours a month stay hours, and what is more than nothing is not shown as nothing', () => {
  assert.deepEqual([0, 1, 600, 5400, 36_000].map(formatHours), ['0 h', '<0.01 h', '0.17 h', '1.5 h', '10 h'])
})

test('links are shown in bits a second, the slower end of a range first', () => {
  assert.equal(formatFigure('linkPerByte', 8e-9), '1 Gbps')
  const span = { value: 8e-9, low: 8e-10, high: 1.6e-8, origin: 'assumed', from: '' } as const
  assert.equal(formatSpan('linkPerByte', span), '500 Mbps to 10 Gbps')
  assert.equal(formatSpan('nodes', { ...span, low: 2, high: 2 }), undefined)
})

const LARGEST: Readonly<Record<string, number>> = {
  bytes: 1e13,
  perMonth: 20_000,
  count: 5000,
  share: 1,
  perByte: 1e-6,
  seconds: 1e5,
}
const LEAST: Readonly<Record<string, number>> = {
  bytes: 1,
  perMonth: 1 / 50,
  count: 1,
  share: 0.01,
  perByte: 1e-11,
  seconds: 0.1,
}

// Bytes are whole, as counts are.
test('every figure that has a flag can be given as it is shown', () => {
  const named = INPUT_NAMES.filter((name) => kindOf(name).flag !== undefined)
  const figures = fc.constantFrom(...named).chain((name) => {
    const { unit } = kindOf(name)
    const exponents = fc.double({
      min: Math.log(LEAST[unit] ?? 1),
      max: Math.log(LARGEST[unit] ?? 1),
      noNaN: true,
    })
    return exponents.map((exponent) => ({
      name,
      value: unit === 'count' || unit === 'bytes' ? Math.round(Math.exp(exponent)) : Math.exp(exponent),
    }))
  })
  fc.assert(
    fc.property(figures, ({ name, value }) => {
      const read = readBack(name, formatFigure(name, value))
      assert.ok(
        Math.abs(read / value - 1) < 0.06,
        `${formatFigure(name, value)} is read as ${read}, not ${value}`,
      )
    }),
  )
})

function readBack(name: InputName, text: string): number {
  const flag = (kindOf(name).flag ?? '').slice(2)
  const others = {
    size: '1GB',
    nodes: '1',
    replicas: '1000000',
    'image-size': '100TB',
    'code-size': '1B',
    environment: 'production',
  }
  const [question] = questionsOf({ ...others, [flag]: text }, { known: {} })
  assert.ok(question)
  return question.inputs[name].value
}
