import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { decide, kindOf, type Question, questionsOf } from '../../src/advise/index.ts'
import { SITUATIONS, type Situation } from './situations.ts'
import { flagsOf } from './typed.ts'

function questionOf({ flags }: Situation): Question {
  return questionsOf(flagsOf(flags), { known: {} }).at(-1) as Question
}

/** What is answered otherwise than expected, in words; undefined for a hit. */
function missOf(situation: Situation): string | undefined {
  const { expect } = situation
  const { strategy, way, dependsOn } = decide(questionOf(situation))
  if (strategy !== expect.strategy) return `${strategy} instead of ${expect.strategy}`
  if (strategy === 'depends') {
    const flags = dependsOn.map(({ input }) => kindOf(input).flag)
    return expect.on === undefined || flags.includes(expect.on)
      ? undefined
      : `on ${flags.join(', ')} instead of ${expect.on}`
  }
  if (way.plain !== (expect.plain === true)) return `${way.name}, ${way.plain ? 'plain' : 'with Ballast'}`
  const position = way.name === 'embed-bottom' ? 'bottom' : 'top'
  if (expect.position === undefined || way.strategy !== 'embed') return undefined
  return position === expect.position ? undefined : `${position} instead of ${expect.position}`
}

/** Names in the table of `docs/advice.md` that lists misses. */
async function documentedMisses(): Promise<readonly string[]> {
  const text = await readFile(new URL('../../docs/advice.md', import.meta.url), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith('Where it disagrees')) ?? ''
  return [...section.matchAll(/^\| ([^|]+?) \|/gm)]
    .map(([, name = '']) => name.trim())
    .filter((name) => name !== 'situation' && !/^-+$/.test(name))
}

test('of the situations, those that are answered otherwise than argued are exactly those that the docs list', async () => {
  const missed = SITUATIONS.flatMap((situation) => {
    const miss = missOf(situation)
    return miss === undefined ? [] : [{ name: situation.name, miss }]
  })
  const documented = await documentedMisses()
  const unlisted = missed.filter(({ name }) => !documented.includes(name))
  assert.deepEqual(unlisted, [], 'to be listed in docs/advice.md')
  const hits = documented.filter((name) => !missed.some((miss) => miss.name === name))
  assert.deepEqual(hits, [], 'listed in docs/advice.md although they are answered as argued')
})

test('more than four of five situations are answered as argued, of the published ones too', () => {
  assert.ok(SITUATIONS.length >= 30)
  const published = SITUATIONS.filter(({ source }) => source !== undefined)
  assert.ok(published.length * 3 >= SITUATIONS.length)
  for (const some of [SITUATIONS, published]) {
    const hits = some.filter((situation) => missOf(situation) === undefined)
    assert.ok(hits.length > some.length * 0.8, `${hits.length} of ${some.length}`)
  }
})

test('no situation is answered by what is impossible in it', () => {
  for (const situation of SITUATIONS) {
    const question = questionOf(situation)
    const { way } = decide(question)
    assert.equal(
      way.whyNot(question.answers, { nodes: question.inputs.nodes.value } as never),
      undefined,
      situation.name,
    )
  }
})
