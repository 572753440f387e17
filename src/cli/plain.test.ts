import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Invocation } from './action.ts'
import { loadVerbs } from './commands/index.ts'
import { readPlain } from './plain.ts'
import { createProgram } from './program.ts'
import { COMMON_OPTIONS } from './verb.ts'

const VERBS = await loadVerbs()

describe('the verbs', () => {
  it('are each under the name that its usage begins with', () => {
    assert.deepEqual(
      Object.values(VERBS).map(({ usage }) => usage.split(' ')[0]),
      Object.keys(VERBS),
    )
  })
})

describe('readPlain', () => {
  it('reads what the examples show, so that a usual line does not wait for the help to load', async () => {
    const lines = Object.values(VERBS)
      .flatMap(({ examples }) => examples)
      .filter((line) => line.startsWith('ballast ') && !/[&|"']/.test(line))
    assert.ok(lines.length > 15, `${lines.length}`)
    for (const line of lines) {
      const invocation = await readPlain(line.split(' ').slice(1))
      assert.ok(invocation !== undefined, line)
    }
  })

  it('leaves what must be explained to the reader that explains', async () => {
    const lines = [
      '',
      '--help',
      'help add',
      'list --help',
      'ls',
      'lst',
      'add sentiment',
      'diff a',
      'diff a b c',
    ]
    lines.push(
      'list --stor x',
      'list --store',
      'list -qx',
      'list --store=x',
      'embed m i -t --json',
      'diff a --',
    )
    lines.push('--full check x', 'toString', 'constructor x')
    for (const line of lines) {
      assert.equal(await readPlain(line === '' ? [] : line.split(' ')), undefined, line)
    }
  })

  it('gives a verb what stands behind -- as it is', async () => {
    const invocation = await readPlain('run --model a=/b -- -d -p 80:80 image -- --json'.split(' '))
    assert.deepEqual(invocation?.args, [
      ['-d', '-p', '80:80', 'image', '--', '--json'],
      { model: ['a=/b'], strategy: 'auto' },
    ])
    assert.equal(invocation?.common.json, undefined)
  })

  it('says the same as the reader that reads every line', async (t) => {
    const seed = Date.now() % 2 ** 31
    t.diagnostic(`seed ${seed}`)
    let answered = 0
    const lines = fc.constantFrom(...Object.keys(VERBS)).chain((name) => {
      const option = (flags: string): fc.Arbitrary<readonly string[]> => {
        const names = flags.match(/--?[a-z][\w-]*/g) ?? []
        const written = fc.constantFrom(...names)
        return flags.endsWith('>')
          ? fc.tuple(written, fc.constantFrom('x', 'a:1', '', 'list', '-1', '--json'))
          : fc.tuple(written)
      }
      const common = COMMON_OPTIONS.map(([flags]) => option(flags))
      const own = (VERBS[name]?.options ?? []).map(([flags]) => option(flags))
      const word = fc.constantFrom('a', 'a:1', './b', '', 'add', '-', '-5', '--').map((text) => [text])
      return fc
        .tuple(
          fc.array(fc.oneof(...common), { maxLength: 1 }),
          fc.array(fc.oneof({ weight: 3, arbitrary: word }, ...common, ...own), { maxLength: 6 }),
        )
        .map(([before, after]) => [...before.flat(), name, ...after.flat()])
    })
    await fc.assert(
      fc.asyncProperty(lines, async (line) => {
        const plain = await readPlain(line)
        if (plain === undefined) return
        answered++
        assert.deepEqual(comparable(plain), comparable(await readByProgram(line)))
      }),
      { seed, numRuns: 1000 },
    )
    assert.ok(answered > 100, `${answered} lines were plain`)
  })
})

async function readByProgram(line: readonly string[]): Promise<Invocation | undefined> {
  let found: Invocation | undefined
  const program = await createProgram({ out: () => {}, err: () => {} }, async (invocation) => {
    found = invocation
  })
  await program.parseAsync(line, { from: 'user' })
  return found
}

function comparable(invocation: Invocation | undefined): unknown {
  if (invocation === undefined) return undefined
  const { store, json, quiet, progress, debug } = invocation.common
  return {
    usage: invocation.verb.usage,
    operands: invocation.args.slice(0, -1),
    options: { ...(invocation.args.at(-1) as object) },
    common: { store, json, quiet, progress, debug },
  }
}
