import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adviceOf, advised, advisedOfAll, UNLIKE, WEEKLY } from '../../../test/fixtures/advice.ts'
import { kindOf, type Trend } from '../../advise/index.ts'
import { formatFigure, formatHours } from './advice-figures.ts'
import { copyNote, formatAdvice, trendNote } from './advice-text.ts'
import { possibleWays, SHORT, verdictWords } from './advice-words.ts'

const CASES = Object.entries(UNLIKE).map(([name, flags]) => ({ name, advice: advised(flags) }))

for (const { name, advice } of CASES) {
  test(`${name}: it fits the terminal, whatever its width`, () => {
    for (const width of [40, 80, 97, 200]) {
      const long = formatAdvice(adviceOf(advice), width)
        .split('\n')
        .filter((line) => line.length > Math.max(80, width))
      assert.deepEqual(long, [])
    }
  })

  test(`${name}: it has the verdict, every way, and why those that are not possible are not`, () => {
    const text = formatAdvice(adviceOf(advice), 80)
    const words = text.replace(/\s+/g, ' ')
    assert.ok(words.includes(`${advice.environment}: ${verdictWords(advice).headline}`))
    for (const way of advice.ways) {
      assert.ok(text.includes(SHORT[way.name]), way.name)
      if (way.whyNot !== null) assert.ok(words.includes(way.whyNot), way.whyNot)
      for (const part of way.whyNot === null ? way.parts : []) assert.ok(words.includes(part), part)
    }
    assert.match(text, new RegExp(`^\\* ${SHORT[advice.verdict.way].replace(/[()]/g, '\\$&')} `, 'm'))
  })

  test(`${name}: bars are as long as hours, the dearest the longest`, () => {
    const lines = formatAdvice(adviceOf(advice), 80, { ascii: true }).split('\n')
    const ways = possibleWays(advice)
    const most = Math.max(...ways.map(({ monthly }) => monthly.seconds.value))
    const lengths = ways.map((way) => {
      const line = lines.find((text) => / #/.test(text) && text.trim().startsWith(`${SHORT[way.name]}  `))
      assert.ok(line !== undefined, way.name)
      assert.ok(line.endsWith(` ${formatHours(way.monthly.seconds.value)}`), line)
      return /#+/.exec(line)?.[0].length ?? 0
    })
    const longest = Math.max(...lengths)
    assert.ok(longest > 30)
    for (const [index, way] of ways.entries()) {
      const wanted = Math.max(1, (longest * way.monthly.seconds.value) / most)
      assert.ok(Math.abs((lengths[index] ?? 0) - wanted) <= 1, way.name)
    }
  })
}

test('without blocks all of it is ASCII, where names are', () => {
  for (const { advice } of CASES) {
    assert.match(formatAdvice(adviceOf(advice), 80, { ascii: true }), /^[\n\x20-\x7e]*$/)
  }
})

test('what an assumption decides is shown with its range, its flag and where the answer changes', () => {
  const { advice } = CASES.map(({ advice }) => ({ advice })).find(
    ({ advice: { verdict, inputs } }) =>
      verdict.dependsOn[0] !== undefined && inputs[verdict.dependsOn[0].input].origin === 'assumed',
  ) ?? { advice: undefined }
  assert.ok(advice, 'none of the cases depends on what is assumed')
  const [flip] = advice.verdict.dependsOn
  assert.ok(flip)
  const { input, at } = flip
  const assumed = formatAdvice(adviceOf(advice), 80).split('Assumed')[1]?.replace(/\s+/g, ' ') ?? ''
  const first = assumed.split(/(?= --[a-z]| \(no flag\))/)[1] ?? ''
  assert.ok(first.includes(kindOf(input).flag ?? '(no flag)'), first)
  assert.ok(first.includes(formatFigure(input, advice.inputs[input].value)), first)
  assert.ok(first.includes(`the answer changes at ${formatFigure(input, at)}`), first)
})

test('what is known is told with how it is known', () => {
  const words = formatAdvice(adviceOf(advisedOfAll()), 80).replace(/\s+/g, ' ')
  assert.ok(words.includes('size of the model 1.96 GiB (given)'))
  assert.ok(words.includes('size of the image without the model 1.21 GiB (measured)'))
})

test('each environment has its answer, below the subject and the notes', () => {
  const environments = ['development', 'staging', 'production'].map((environment) =>
    advised({ ...WEEKLY, environment }),
  )
  const text = formatAdvice({ ...adviceOf(...environments), image: null, notes: ['It has grown.'] }, 80)
  assert.match(
    text,
    /^sentiment:prod\n\nIt has grown\.\n\ndevelopment: [\s\S]+\nstaging: [\s\S]+\nproduction: /,
  )
})

const TREND: Trend = {
  since: Date.UTC(2026, 2, 3),
  fromBytes: 80 * 2 ** 20,
  toBytes: 2 * 2 ** 30,
  updatesPerMonth: 32,
  codeUpdatesPerMonth: 8,
  before: 'embed',
  after: 'mount',
  savedSeconds: 21_600,
}

test('a trend is one sentence', () => {
  assert.equal(
    trendNote(TREND),
    'Since March 2026 your model grew from 80 MiB to 2 GiB and is updated four times as often as the code: mounting now saves 6 h a month.',
  )
  assert.equal(
    trendNote({ ...TREND, updatesPerMonth: 8, after: 'embed' }),
    'Since March 2026 your model grew from 80 MiB to 2 GiB: embedding now saves 6 h a month.',
  )
  assert.match(trendNote({ ...TREND, codeUpdatesPerMonth: 0 }), /to 2 GiB: mounting/)
  assert.match(copyNote('COPY models /app/models'), /COPY models \/app\/models$/)
})
