import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advised, WEEKLY } from '../../../test/fixtures/advice.ts'
import type { EnvironmentAdvice, FlipAdvice, WayName } from '../../advise/index.ts'
import { changeWords, crossingWords, reasonWords, verdictWords } from './advice-words.ts'

const WEEKLY_ADVICE = advised(WEEKLY)

/** The words do not depend on how the costs are tuned. */
function withVerdict(verdict: Partial<EnvironmentAdvice['verdict']>): EnvironmentAdvice {
  const sure = { dependsOn: [], wayDependsOn: [], reasons: [], plain: false } as const
  return { ...WEEKLY_ADVICE, verdict: { ...WEEKLY_ADVICE.verdict, ...sure, ...verdict } }
}

function headline(verdict: Partial<EnvironmentAdvice['verdict']>): string {
  return verdictWords(withVerdict(verdict)).headline
}

const UPDATES: FlipAdvice = { input: 'modelUpdates', at: 90 / 7, below: 'embed-top', above: 'mount-plugin' }

test('a sure verdict says what to do, and with what', () => {
  assert.equal(
    headline({ strategy: 'mount', way: 'mount-plugin', other: 'copy' }),
    "mount, with ballast's volume plugin",
  )
  assert.equal(
    headline({ strategy: 'embed', way: 'embed-bottom', other: 'by-hand' }),
    'embed, with ballast embed --position bottom',
  )
})

test('where Ballast is not needed the verdict says so', () => {
  const plain = (way: WayName, strategy: 'embed' | 'mount'): string =>
    headline({ strategy, way, plain: true, other: 'embed-top' })
  assert.equal(plain('copy', 'embed'), 'keep the COPY in your Dockerfile: you do not need Ballast')
  assert.match(plain('by-hand', 'mount'), /filled by hand: you do not need Ballast$/)
  assert.match(plain('download', 'mount'), /^keep the download .*: you do not need Ballast$/)
})

test('what depends on an input names it, the value, and what is right on either side', () => {
  const verdict = {
    strategy: 'depends',
    way: 'mount-plugin',
    other: 'embed-top',
    dependsOn: [UPDATES],
  } as const
  assert.equal(
    headline(verdict),
    'depends on how often the model is updated: below 3/week embed, above mount',
  )
  const { more } = verdictWords(withVerdict(verdict))
  assert.deepEqual(more, ["With the values taken here: mount, with ballast's volume plugin."])
})

test('all that it depends on is said, the first in full', () => {
  const nodes: FlipAdvice = { input: 'nodes', at: 7, below: 'embed-top', above: 'mount-plugin' }
  const { more } = verdictWords(
    withVerdict({
      strategy: 'depends',
      way: 'embed-top',
      other: 'mount-plugin',
      dependsOn: [UPDATES, nodes],
    }),
  )
  assert.ok(
    more.includes('It also depends on how many nodes run the application (up to 7 embed).'),
    more.join('\n'),
  )
})

test('things that are counted have no value between two numbers', () => {
  const nodes: FlipAdvice = { input: 'nodes', at: 2.4, below: 'by-hand', above: 'copy' }
  const verdict = { strategy: 'depends', way: 'by-hand', other: 'copy', dependsOn: [nodes] } as const
  assert.equal(
    headline(verdict),
    'depends on how many nodes run the application: up to 2 mount, from 3 on embed',
  )
  assert.equal(changeWords(withVerdict(verdict), 'nodes'), 'the answer changes between 2 and 3')
})

test('a link that is below a value is a slow one, although it is kept as seconds a byte', () => {
  const link: FlipAdvice = { input: 'linkPerByte', at: 8e-9, below: 'mount-plugin', above: 'embed-top' }
  assert.equal(
    headline({ strategy: 'depends', way: 'embed-top', other: 'mount-plugin', dependsOn: [link] }),
    "depends on how fast a node's link is: below 1 Gbps embed, above mount",
  )
})

test('a sure strategy whose way is not sure says on what the need of Ballast depends', () => {
  const flip: FlipAdvice = { input: 'modelUpdates', at: 3, below: 'copy', above: 'embed-top' }
  const { headline: sentence, more } = verdictWords(
    withVerdict({ strategy: 'embed', way: 'copy', plain: true, other: 'mount-plugin', wayDependsOn: [flip] }),
  )
  assert.match(sentence, /you do not need Ballast$/)
  assert.deepEqual(more, [
    'Whether Ballast is worth it for that depends on how often the model is updated: below 3/month a plain COPY, above ballast embed.',
  ])
})

test('where nothing else is possible the verdict says so and the reason is the first', () => {
  const advice = withVerdict({
    strategy: 'embed',
    way: 'embed-top',
    other: null,
    reasons: [{ kind: 'only', way: 'mount-plugin', why: 'the nodes reach no store' }],
  })
  assert.equal(verdictWords(advice).headline, 'embed, with ballast embed; nothing can be mounted here')
  assert.deepEqual(reasonWords(advice), ['the nodes reach no store'])
})

test('where no figure makes a difference, that is said', () => {
  const advice = withVerdict({ strategy: 'embed', way: 'copy', other: 'mount-plugin', reasons: [] })
  assert.deepEqual(reasonWords(advice), ["ballast's volume plugin costs the same within a few percent"])
})

test('reasons have figures of both sides, and those against begin with but', () => {
  const advice = withVerdict({
    way: 'mount-plugin',
    other: 'copy',
    reasons: [
      { kind: 'saves', what: 'work of people', chosen: 0, other: 7200, otherWay: 'copy' },
      { kind: 'costs', what: 'upkeep', chosen: 3600, other: 0, otherWay: 'copy' },
      { kind: 'saves', what: 'updates of the model', chosen: 60, other: 600, otherWay: 'copy' },
      { kind: 'saves', what: 'cold starts', chosen: 60, other: 70, otherWay: 'copy' },
    ],
  })
  const [work, upkeep, updates, ...rest] = reasonWords(advice)
  assert.equal(work, 'work of people for new versions of the model: nothing, with a plain COPY 2 h a month')
  assert.equal(upkeep, 'but upkeep of what has to run: 1 h a month, with a plain COPY nothing')
  assert.match(
    updates ?? '',
    /^new versions of the model: 1 min of waiting a month, with a plain COPY 10 min \(.+ each instead of .+\)$/,
  )
  assert.deepEqual(rest, [])
})

test('crossing points are put into words, for one, none and several', () => {
  const along = (...segments: readonly (readonly [WayName, number])[]): EnvironmentAdvice => ({
    ...WEEKLY_ADVICE,
    crossings: {
      ...WEEKLY_ADVICE.crossings,
      modelBytes: segments.map(([way, from], index) => ({ way, from, to: segments[index + 1]?.[1] ?? 1e12 })),
    },
  })
  const gib = 2 ** 30
  assert.match(
    crossingWords(along(['copy', 1e6], ['mount-plugin', 1.2 * gib]), 'modelBytes'),
    /^With updates of 1\/week, mounting is ahead from 1\.2 GiB \(/,
  )
  assert.match(
    crossingWords(along(['copy', 1e6], ['embed-top', gib]), 'modelBytes'),
    /, embedding is ahead whatever its size \(a plain COPY up to 1 GiB, then ballast embed\)\.$/,
  )
  assert.match(
    crossingWords(
      along(['copy', 1e6], ['by-hand', gib], ['embed-top', 2 * gib], ['mount-plugin', 3 * gib]),
      'modelBytes',
    ),
    /ahead is up to 1 GiB embedding, up to 2 GiB mounting, up to 3 GiB embedding, beyond that mounting /,
  )
})

test('an input tells where it changes the answer: within its range for sure, beyond it perhaps', () => {
  const advice = {
    ...withVerdict({ dependsOn: [UPDATES] }),
    sensitivity: [
      { input: 'modelUpdates', at: 1, below: 'copy', above: 'by-hand' },
      { input: 'nodes', at: 50, below: 'copy', above: 'by-hand' },
      { input: 'apps', at: null, below: null, above: null },
    ],
  } as const
  assert.equal(changeWords(advice, 'modelUpdates'), 'the answer changes at 3/week')
  assert.equal(changeWords(advice, 'nodes'), 'the answer would change between 50 and 51')
  assert.equal(changeWords(advice, 'apps'), undefined)
})
