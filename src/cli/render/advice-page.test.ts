import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { adviceOf, advised, advisedOfAll, UNLIKE, WEEKLY } from '../../../test/fixtures/advice.ts'
import { type Advice, type EnvironmentAdvice, INPUT_NAMES, kindOf } from '../../advise/index.ts'
import { formatFigure, formatHours, formatSpan } from './advice-figures.ts'
import { advicePage } from './advice-page.ts'
import { possibleWays, verdictWords } from './advice-words.ts'

const ALL: readonly EnvironmentAdvice[] = [...Object.values(UNLIKE).map(advised), advisedOfAll()]

/** What a reader sees, in one line. */
function textOf(markup: string): string {
  const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return markup
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(#?\w+);/g, (_, name: string) => entities[name] ?? '?')
    .replace(/\s+/g, ' ')
}

/** Every tag with its attributes' names, in order. */
function tagsOf(page: string): readonly string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replace(/="[^"]*"/g, '=""'))
}

const VOID = new Set(['meta', 'rect', 'path', 'circle'])

/** Names of elements that are left open or closed in the wrong order, and stray characters. */
function faultsOf(page: string): readonly string[] {
  const faults: string[] = []
  const open: string[] = []
  const body = page.replace(/^<!DOCTYPE html>/, '').replace(/(<style>)[\s\S]*?(<\/style>)/, '$1$2')
  for (const [token, close, name = '', attributes = '', empty] of body.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z-]+="[^"<>]*")*)(\/?)>|[<>]|&(?!#?\w+;)/g,
  )) {
    if (name === '') faults.push(`stray ${token}`)
    else if (close) {
      const expected = open.pop()
      if (expected !== name || attributes !== '') faults.push(`${token} where ${expected} is open`)
    } else if (empty) {
      if (!VOID.has(name)) faults.push(`${token} is no void element`)
    } else open.push(name)
    const named = [...attributes.matchAll(/ ([a-zA-Z-]+)=/g)].map(([, attribute]) => attribute)
    if (new Set(named).size < named.length) faults.push(`${token} has an attribute twice`)
  }
  return [...faults, ...open.map((name) => `${name} is left open`)]
}

test('what is not well-formed is found', () => {
  const page = advicePage(adviceOf(advised(WEEKLY)))
  assert.deepEqual(faultsOf(page.replace('</main>', '')), [
    '</body> where main is open',
    '</html> where body is open',
    'html is left open',
  ])
  assert.deepEqual(faultsOf(page.replace('</h1>', '&</h1>')), ['stray &'])
})

test('the page is well-formed, with an id once only', () => {
  for (const advice of ALL) assert.deepEqual(faultsOf(advicePage(adviceOf(advice))), [])
  const environments = ['development', 'staging', 'production'].map((environment) =>
    advised({ ...WEEKLY, environment }),
  )
  const ids = [...advicePage(adviceOf(...environments)).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
  assert.deepEqual(ids, ['development', 'staging', 'production'])
})

test('it needs nothing from elsewhere and runs nothing', () => {
  for (const advice of ALL) {
    const page = advicePage(adviceOf(advice))
    assert.doesNotMatch(
      page,
      /https?:|\burl\(|@import|<(?:script|link|img|iframe|object|base)\b|\s(?:src|on\w+)=/i,
    )
    for (const [, target = ''] of page.matchAll(/ href="([^"]*)"/g)) assert.match(target, /^#/)
    assert.match(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/)
  }
})

test('no coordinate is missing or endless', () => {
  for (const advice of ALL)
    assert.doesNotMatch(advicePage(adviceOf(advice)), /NaN|Infinity|undefined|null|\[object/)
})

test('every input is there with value, range, label, origin and flag', () => {
  for (const advice of ALL) {
    const page = advicePage(adviceOf(advice))
    const rows = page.slice(page.indexOf('What this rests on')).split('<tr>').slice(2).map(textOf)
    assert.equal(rows.length, INPUT_NAMES.length)
    for (const [index, name] of INPUT_NAMES.entries()) {
      const quantity = advice.inputs[name]
      const { what, flag } = kindOf(name)
      const row = rows[index] ?? ''
      const parts = [
        what.slice(1),
        formatFigure(name, quantity.value),
        formatSpan(name, quantity) ?? 'none',
        quantity.origin,
        quantity.from,
        flag ?? 'none',
      ]
      for (const part of parts) assert.ok(row.includes(part), `${name}: ${part} is not in ${row}`)
    }
  }
  const origins = Object.values(advisedOfAll().inputs).map(({ origin }) => origin)
  assert.deepEqual(new Set(origins), new Set(['measured', 'given', 'assumed']))
})

test('every way is there, the cheapest first, with its hours, or why it is not possible', () => {
  for (const advice of ALL) {
    const page = advicePage(adviceOf(advice))
    const table = page.slice(page.indexOf('What each way costs'), page.indexOf('What this rests on'))
    const titles = [...table.matchAll(/<th scope="row">(.*?)<\/th>/g)].map(([, cell = '']) =>
      textOf(cell).replace(' (advised)', '').trim(),
    )
    const possible = possibleWays(advice)
    const others = advice.ways.filter(({ whyNot }) => whyNot !== null)
    assert.deepEqual(
      titles,
      [...possible, ...others].map(({ title }) => title),
    )
    const text = textOf(table)
    for (const { monthly } of possible) assert.ok(text.includes(formatHours(monthly.seconds.value)))
    for (const { whyNot } of others) assert.ok(text.includes(`Not possible: ${whyNot}.`), text)
    const widths = [...table.matchAll(/style="width:([\d.]+)%"/g)].map(([, width]) => Number(width))
    const most = Math.max(...possible.map(({ monthly }) => monthly.seconds.value))
    for (const [index, { monthly }] of possible.entries()) {
      assert.ok(Math.abs((widths[index] ?? 0) - (100 * monthly.seconds.value) / most) < 0.06)
    }
  }
})

test('the verdict stands at the top, with the six factors below', () => {
  for (const advice of ALL) {
    const text = textOf(advicePage(adviceOf(advice)))
    assert.ok(text.includes(verdictWords(advice).headline.slice(1)))
    for (const factor of [
      'Model size',
      'Update frequency',
      'Coupling',
      'Operational complexity',
      'Team workflow',
      'Environment',
    ])
      assert.ok(text.includes(factor))
  }
})

test('layers are drawn to scale: those of both strategies hold the same bytes', () => {
  const page = advicePage(
    adviceOf(
      advised({
        size: '4GB',
        'image-size': '2GB',
        'code-size': '500MB',
        nodes: '5',
        environment: 'production',
      }),
    ),
  )
  const heights = (style: string): readonly number[] =>
    [...page.matchAll(new RegExp(`height="([\\d.]+)" class="${style}"`, 'g'))].map(([, height]) =>
      Number(height),
    )
  const [model = 0] = heights('model-embed')
  assert.deepEqual(heights('model-mount volume'), [model])
  for (const base of heights('base')) assert.ok(Math.abs(model / base - 4 / 1.5) < 0.02)
  for (const code of heights('code')) assert.ok(Math.abs(model / code - 4 / 0.5) < 0.1)
})

const HOSTILE = "</title><script>alert(1)</script>\" onload='x' &amp; <!-- ]]> \u0000\u202e"

function renamed(name: string): Advice {
  const one = advisedOfAll()
  return {
    subject: name,
    image: name,
    notes: [name],
    environments: [{ ...one, inputs: { ...one.inputs, nodes: { ...one.inputs.nodes, from: name } } }],
  }
}

test('names from outside are text, whatever is in them', () => {
  const page = advicePage(renamed(HOSTILE))
  assert.doesNotMatch(page, /<script|<!--|[\0-\x08\u202e]/)
  assert.ok(textOf(page).includes("</title><script>alert(1)</script>\" onload='x' &amp; <!-- ]]>"))
  const tags = tagsOf(advicePage(renamed('name')))
  assert.deepEqual(tagsOf(page), tags)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
      assert.deepEqual(tagsOf(advicePage(renamed(name))), tags)
    }),
    { numRuns: 50 },
  )
})
