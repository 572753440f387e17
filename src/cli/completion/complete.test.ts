import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { describe, it, type TestContext } from 'node:test'
import { addVersion, temporaryStore } from '../../../test/fixtures/store.ts'
import { pathsIn, temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import type { Store } from '../../store/index.ts'
import { loadVerbs } from '../commands/index.ts'
import { COMMON_OPTIONS } from '../verb.ts'
import { complete } from './complete.ts'
import { unquote } from './unquote.ts'

const VERBS = await loadVerbs()

async function ask(words: readonly string[], { store = '/nowhere', shell = 'fish' } = {}): Promise<string[]> {
  let out = ''
  await complete([shell, ...words], {
    out: (text) => {
      out += text
    },
    err: assert.fail,
    isTerminal: false,
    columns: 80,
    rows: 24,
    env: { BALLAST_STORE: store },
    home: '/nowhere',
    setExitCode: (code) => assert.fail(`exit code ${code}`),
  })
  return out
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '')
}

async function filledStore(t: TestContext): Promise<Store> {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment:prod', { 'a.bin': '1' })
  await addVersion(store, 'sentiment:staging', { 'a.bin': '2' })
  await addVersion(store, 'team/other', { 'a.bin': '3' })
  return store
}

describe('complete', () => {
  it('knows what the program knows: each verb, and each option of each', async () => {
    assert.deepEqual(await ask(['']), [...Object.keys(VERBS), 'help', ':none'])
    assert.deepEqual(await ask(['help', 'unm']), ['unmount', ':none'])
    for (const [name, { options = [] }] of Object.entries(VERBS)) {
      const offered = await ask([name, '--'])
      for (const [flags] of options) {
        const long = /--[\w-]+/.exec(flags)?.[0] ?? ''
        assert.ok(offered.includes(long), `${name} ${long}`)
      }
      assert.ok(offered.includes('--store') && offered.includes('--help'), name)
    }
  })

  it('offers choices that the descriptions name, for options and for operands', async () => {
    const options = Object.entries(VERBS).flatMap(([name, { options = [] }]) =>
      options.map((option) => [name, option] as const),
    )
    for (const [name, [flags, description, , choices = []]] of [
      ...options,
      ...COMMON_OPTIONS.map((option) => ['list', option] as const),
    ]) {
      for (const choice of choices)
        assert.match(description, new RegExp(`\\b${choice}\\b`), `${name} ${flags}`)
      const long = /--[\w-]+/.exec(flags)?.[0] ?? ''
      if (choices.length > 0) assert.deepEqual(await ask([name, long, '']), [...choices, ':none'])
    }
    assert.deepEqual(await ask(['mount', '--layout=t']), ['--layout=triton', '--layout=tfserving', ':none'])
    assert.deepEqual(await ask(['policy', 's']), ['set', 'show', ':none'])
    assert.deepEqual(await ask(['completion', '']), ['bash', 'zsh', 'fish', ':none'])
  })

  it('does not offer an option twice, unless it may be given again', async () => {
    assert.ok(!(await ask(['mount', '--follow', '--fo'])).includes('--follow'))
    assert.ok((await ask(['add', '--include', 'x', '--inc'])).includes('--include'))
  })

  it('reads models, tags, numbers and stages from the store, and changes nothing there', async (t) => {
    const store = await filledStore(t)
    const before = await pathsIn(store.root)
    const of = (...words: readonly string[]): Promise<string[]> => ask(words, { store: store.root })
    assert.deepEqual(await of('show', ''), ['sentiment', 'team/other', ':none'])
    const sentiment = ['sentiment:prod', 'sentiment:staging', 'sentiment:2', 'sentiment:1']
    assert.deepEqual(await of('show', 'sent'), ['sentiment', ...sentiment, ':none'])
    assert.deepEqual(await of('show', 'sentiment:'), [...sentiment, ':none'])
    assert.deepEqual(await of('diff', 'sentiment:1', 'sentiment:s'), ['sentiment:staging', ':none'])
    assert.deepEqual(await of('run', '--model', 'team'), [
      'team/other',
      'team/other:latest',
      'team/other:1',
      ':none',
    ])
    assert.deepEqual(await of('add', 'sentiment:'), ['sentiment:prod', 'sentiment:staging', ':none'])
    assert.deepEqual(await of('tag', 'sentiment:1', 'p'), ['prod', ':none'])
    assert.deepEqual(await of('promote', 'sentiment:1', ''), ['prod', 'staging', ':none'])
    assert.deepEqual(await of('show', 'sentiment:1', ''), [':files'])
    assert.deepEqual(await of('scan', 'team'), ['team/other', 'team/other:latest', 'team/other:1', ':files'])
    assert.deepEqual(await of('check', 'cont'), ['container:', ':files'])
    assert.deepEqual(await of('check', 'volume:x'), [':none'])
    assert.deepEqual(await of('push', 'sentiment', 'archive:x'), [':files archive:'])
    assert.deepEqual(await of('list', '--store='), [':directories --store='])
    assert.deepEqual(await of('run', '--', 'sent'), [':files'])
    assert.deepEqual(await pathsIn(store.root), before)
  })

  it('offers where versions are, without what a terminal would obey', async (t) => {
    const store = await filledStore(t)
    const digest = (await store.records.listVersions('sentiment' as never))[0]?.digest as never
    const use = { host: hostname(), model: 'sentiment' as never, digest, number: 1, reference: 'sentiment:1' }
    {
      await using session = await store.begin()
      for (const place of ['/srv/$(touch x)', '/srv/\u001b[31mred', '/srv/two\nlines', '/srv/\u202eback'])
        await store.uses.record(session, { ...use, kind: 'target', place })
      await store.uses.record(session, { ...use, kind: 'target', place: '/srv/elsewhere', host: 'elsewhere' })
      await store.uses.record(session, { ...use, kind: 'volume', place: 'ml_models' })
    }
    const words = await ask(['unmount', ''], { store: store.root })
    assert.deepEqual(words, ['/srv/$(touch x)', 'volume:ml_models', 'volume:', ':directories'])
  })

  it('answers with nothing where there is nothing, and makes no store', async (t) => {
    const root = await temporaryDirectory(t)
    assert.deepEqual(await ask(['show', ''], { store: `${root}/none` }), [':none'])
    assert.deepEqual(await ask(['nosuchverb', 'x']), [':files'])
    assert.deepEqual(await ask([]), await ask(['']))
    assert.deepEqual(await pathsIn(root), [])
  })

  it('finds the store that the line names, as bash has it: quoted', async (t) => {
    const store = await filledStore(t)
    const line = ['--store', `"${store.root}"`, 'show', 'team/other:1']
    assert.deepEqual(await ask(line, { shell: 'bash' }), ['team/other:1', ':none'])
  })
})

describe('unquote', () => {
  it('takes quotes away and runs nothing', () => {
    const words = [`'a b'`, `"a \\" b"`, 'a\\ b', `a"b"'c'`, `"open`, '$(x)', '`x`', '\\', '']
    assert.deepEqual(words.map(unquote), ['a b', 'a " b', 'a b', 'abc', 'open', '$(x)', '`x`', '', ''])
  })
})
