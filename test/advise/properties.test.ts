import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Answers,
  adviseFor,
  assumeInputs,
  decide,
  given,
  INPUT_NAMES,
  type InputName,
  type Inputs,
  mapInputs,
  numbersOf,
  PLATFORMS,
  type Quantity,
  type Question,
  REFERENCE_RATES,
  WAYS,
} from '../../src/advise/index.ts'

const answers: fc.Arbitrary<Answers> = fc
  .record({
    environment: fc.constantFrom('development' as const, 'staging' as const, 'production' as const),
    platform: fc.constantFrom(...PLATFORMS),
    coupling: fc.constantFrom('loose' as const, 'tight' as const),
    team: fc.constantFrom('same' as const, 'separate' as const),
    nodeAccess: fc.boolean(),
    offline: fc.boolean(),
    immutable: fc.boolean(),
    scaleToZero: fc.boolean(),
    reload: fc.boolean(),
  })
  .map((one) =>
    one.environment === 'development'
      ? { ...one, local: true, platform: 'docker' as const }
      : { ...one, local: false },
  )

/** Some inputs are given, within wide bounds; what is not keeps its assumption. */
const question: fc.Arbitrary<Question> = fc
  .record({
    answers,
    modelBytes: magnitude(6, 12),
    modelUpdates: fc.option(magnitude(-2, 3.5), { nil: undefined }),
    codeUpdates: fc.option(magnitude(-1, 2.5), { nil: undefined }),
    changedShare: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    nodes: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
    apps: fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined }),
    tenants: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
    coldStarts: fc.option(magnitude(-1, 4), { nil: undefined }),
    linkPerByte: fc.option(magnitude(-9.5, -5), { nil: undefined }),
    attention: fc.option(magnitude(0, 4), { nil: undefined }),
    upkeep: fc.option(magnitude(1, 5), { nil: undefined }),
  })
  .map(({ answers: one, ...figures }) => {
    const nodes = one.local ? 1 : figures.nodes
    const said = Object.entries({ ...figures, nodes }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, given(value, 'test')] as const],
    )
    const known = Object.fromEntries(said) as Record<'modelBytes', Quantity>
    return { answers: one, inputs: assumeInputs(known, one), rates: REFERENCE_RATES }
  })

/** Evenly by the logarithm. */
function magnitude(low: number, high: number): fc.Arbitrary<number> {
  return fc.double({ min: low, max: high, noNaN: true }).map((exponent) => 10 ** exponent)
}

function withInput({ inputs, ...rest }: Question, name: InputName, value: number): Question {
  return { ...rest, inputs: { ...inputs, [name]: given(value, 'test') } }
}

/** From embed to mount. */
const ORDER = { embed: 0, depends: 1, mount: 2 } as const

function leaning(one: Question): number {
  return ORDER[decide(one).strategy]
}

function check(property: fc.IPropertyWithHooks<never> | fc.IProperty<never>): void {
  fc.assert(property as fc.IProperty<never>, { numRuns: 400 })
}

/**
 * The exception that `docs/advice.md` names: a delivery reads the whole model, where an image takes over what has
 * not changed, so without a plugin very small changes are cheaper embedded.
 */
function changesLittle({ inputs, answers }: Question): boolean {
  const plugin = WAYS.find(({ name }) => name === 'mount-plugin')
  return plugin?.whyNot(answers, numbersOf(inputs)) !== undefined && inputs.pulledShare.value < 0.3
}

for (const [name, input] of [
  ['more updates of the model never favour embed', 'modelUpdates'],
  ['a larger model never favours embed on nodes that have not got it', 'modelBytes'],
] as const) {
  test(name, () => {
    check(
      fc.property(question, fc.double({ min: 1, max: 1000, noNaN: true }), (one, factor) => {
        fc.pre(!changesLittle(one))
        const { value } = one.inputs[input]
        const less = decide(withInput(one, input, value))
        const more = decide(withInput(one, input, value * factor))
        if (less.way.strategy === 'mount') assert.equal(more.way.strategy, 'mount')
        assert.ok(
          ORDER[more.strategy] >= Math.min(ORDER[less.strategy], 1),
          `${less.strategy}, then ${more.strategy}`,
        )
      }) as never,
    )
  })
}

test('tighter coupling never favours mount', () => {
  check(
    fc.property(question, (one) => {
      const loose = { ...one, answers: { ...one.answers, coupling: 'loose' as const } }
      const tight = { ...one, answers: { ...one.answers, coupling: 'tight' as const } }
      if (decide(loose).way.strategy === 'embed') assert.equal(decide(tight).way.strategy, 'embed')
      assert.ok(leaning(tight) <= leaning(loose) || (leaning(loose) === 0 && leaning(tight) === 0))
    }) as never,
  )
})

test('a wider range never makes a verdict surer', () => {
  check(
    fc.property(
      question,
      fc.constantFrom(...INPUT_NAMES),
      fc.double({ min: 1, max: 100, noNaN: true }),
      fc.double({ min: 1, max: 100, noNaN: true }),
      (one, name, below, above) => {
        const before = decide(one)
        const { value, low, high } = one.inputs[name]
        const wider: Quantity = { ...one.inputs[name], value, low: low / below, high: high * above }
        const after = decide({ ...one, inputs: { ...one.inputs, [name]: wider } })
        assert.equal(after.way, before.way)
        if (before.strategy === 'depends') assert.equal(after.strategy, 'depends')
        const flipped = (verdict: typeof before): readonly InputName[] =>
          verdict.dependsOn.map(({ input }) => input)
        for (const input of flipped(before)) assert.ok(flipped(after).includes(input))
      },
    ) as never,
  )
})

test('where an answer depends on an input, it is another on either side of the value that is named', () => {
  check(
    fc.property(question, (one) => {
      for (const { input, at, below, above } of decide(one).dependsOn) {
        const { low, high } = one.inputs[input]
        assert.ok(at >= low && at <= high)
        const side = (value: number): string => decide(withInput(fixed(one), input, value)).way.strategy
        const before = at - (at - low) * 1e-4
        const behind = at + (high - at) * 1e-4
        if (at - low < 1e-9 * at || high - at < 1e-9 * at) continue
        assert.equal(side(before), below.strategy, `${input} below ${at}`)
        assert.equal(side(behind), above.strategy, `${input} above ${at}`)
      }
    }) as never,
  )
})

test('a verdict that depends on nothing holds for every value in the range of every input', () => {
  check(
    fc.property(
      question,
      fc.constantFrom(...INPUT_NAMES),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (one, name, share) => {
        const { strategy } = decide(one)
        fc.pre(strategy !== 'depends')
        const { low, high } = one.inputs[name]
        assert.equal(
          decide(withInput(fixed(one), name, low + share * (high - low))).way.strategy,
          strategy,
          `${name} from ${low} to ${high}`,
        )
      },
    ) as never,
  )
})

/** All inputs at their values, without ranges. */
function fixed(one: Question): Question {
  const inputs: Inputs = mapInputs((name) => given(one.inputs[name].value, 'test'))
  return { ...one, inputs }
}

test('every figure of every way is a number, within its range, and never negative', () => {
  check(
    fc.property(question, (one) => {
      for (const way of adviseFor(one).ways) {
        const ranges = [
          way.update.seconds,
          way.update.bytes,
          way.code.seconds,
          way.cold.seconds,
          way.monthly.seconds,
          way.monthly.bytes,
        ]
        for (const { low, value, high } of ranges) {
          assert.ok(
            low >= 0 && low <= value * (1 + 1e-9) && value <= high * (1 + 1e-9),
            JSON.stringify({ low, value, high }),
          )
        }
        for (const figure of Object.values(way.storage)) assert.ok(figure >= 0 && Number.isFinite(figure))
      }
    }) as never,
  )
})
