import assert from 'node:assert/strict'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createTarget, temporaryDirectory, until, writeVersion } from '../../test/fixtures/lexicon-target.ts'
import { splitTarget } from '../../test/fixtures/split-target.ts'
import { ModelError, openVariants, type ResolvedModel, resolveVariants, watchVariants } from './index.ts'

const load = (model: ResolvedModel): Promise<string> => readFile(model.file('number'), 'utf8')

/** Three versions, of which the link leads to the last one. */
const createPlace = async (t: TestContext) => {
  const target = await createTarget(t)
  const ids: string[] = []
  for (const number of [1, 2, 3]) ids.push(basename(await target.swap('sentiment', number)))
  const entry = (name: string, number: number, weight: number) => ({
    ...{ name, number, weight },
    id: ids[number - 1] ?? '',
  })
  return { ...target, ids, entry }
}

const versions = ({ variants }: Awaited<ReturnType<typeof resolveVariants>>) =>
  variants.map(({ name, weight, model }) => [name, weight, model.version?.number])

describe('resolveVariants', () => {
  it('finds the same at the link, at the root of the target and behind a link to either', async (t) => {
    const { path, entry } = await createPlace(t)
    await splitTarget(path, { number: 1, variants: [entry('stable', 1, 90), entry('canary', 2, 10)] })
    const outside = await temporaryDirectory(t)
    await symlink(path, join(outside, 'target'))
    await symlink(join(path, 'sentiment'), join(outside, 'link'))
    for (const at of [path, join(path, 'sentiment'), join(outside, 'target'), join(outside, 'link')]) {
      const set = await resolveVariants(at)
      assert.deepEqual(versions(set), [
        ['stable', 90, 1],
        ['canary', 10, 2],
      ])
      assert.equal(set.pick({ key: 'user-19' }).name, 'canary')
    }
  })

  it('is the variant stable where nothing is split, mounted or not', async (t) => {
    const { path, entry } = await createPlace(t)
    const plain = await temporaryDirectory(t)
    await writeFile(join(plain, 'number'), '7')
    const pinned = join(plain, 'pinned')
    await writeVersion(pinned, 4)
    for (const [at, number] of [
      [path, 3],
      [plain, undefined],
      [pinned, 4],
    ] as const) {
      const set = await resolveVariants(at)
      assert.deepEqual([set.number, versions(set)], [0, [['stable', 1, number]]])
      assert.equal(set.pick({ key: 'anybody' }).name, 'stable')
    }
    await splitTarget(path, { number: 2, variants: [entry('stable', 1, 1)] })
    await splitTarget(path, { number: 3, variants: [] })
    assert.deepEqual(versions(await resolveVariants(path)), [['stable', 1, 3]])
  })

  it('sends a tenant where its rule says, and takes the tenant for the key where there is none', async (t) => {
    const { path, entry } = await createPlace(t)
    await splitTarget(path, {
      number: 1,
      variants: [entry('stable', 1, 100), entry('own', 2, 0)],
      tenants: { acme: 'own', constructor: 'own' },
    })
    const set = await resolveVariants(path)
    assert.equal(set.pick({ key: 'user', tenant: 'acme' }).name, 'own')
    assert.equal(set.pick({ tenant: 'constructor' }).name, 'own')
    assert.equal(set.pick({ key: 'user', tenant: 'toString' }).name, 'stable')
    for (const request of [{}, { key: 3 }, { key: 'a', tenant: null }])
      assert.throws(() => set.pick(request as { key: string }), TypeError)
  })

  it('says what is wrong with the file, and with a version that is not there', async (t) => {
    const { path, entry, ids } = await createPlace(t)
    const file = join(path, '.ballast/variants/sentiment.json')
    const rejects = (pattern: RegExp) =>
      assert.rejects(
        resolveVariants(path),
        (error) => error instanceof ModelError && error.code === 'DAMAGED' && pattern.test(error.message),
      )
    await splitTarget(path, { number: 1, variants: [entry('stable', 1, 0)] })
    await rejects(/does not say which variants there are: run `ballast split` again/)
    await writeFile(file, '{"version": 2}')
    await rejects(/written by a newer Ballast: update the runtime library/)
    await splitTarget(path, { number: 1, variants: [{ ...entry('canary', 2, 1), number: 3 }] })
    await rejects(/the variant canary leads to .*, which does not hold its version/)
    await splitTarget(path, { number: 1, variants: [entry('stable', 1, 1)] })
    await rm(join(path, '.ballast/versions', ids[0] ?? ''), { recursive: true })
    await rejects(/the variant stable leads to/)
    await splitTarget(path, { number: 1, variants: [{ ...entry('stable', 1, 1), id: '../../elsewhere' }] })
    await rejects(/does not say which variants/)
  })

  it('shows weights and versions that belong together at every instant', async (t) => {
    const { path, entry } = await createPlace(t)
    const sets = [
      { number: 1, variants: [entry('stable', 1, 90), entry('canary', 2, 10)] },
      { number: 2, variants: [entry('stable', 2, 70), entry('canary', 3, 30)] },
    ] as const
    await splitTarget(path, sets[0])
    let done = false
    const writer = (async () => {
      for (let turn = 1; turn <= 150; turn++) {
        await splitTarget(path, sets[turn % 2 === 0 ? 0 : 1])
        await pause(1)
      }
      done = true
    })()
    const seen = new Set<string>()
    while (!done) seen.add(JSON.stringify(versions(await resolveVariants(path))))
    await writer
    assert.deepEqual([...seen].sort(), [
      '[["stable",70,2],["canary",30,3]]',
      '[["stable",90,1],["canary",10,2]]',
    ])
  })
})

describe('watchVariants', () => {
  it('tells of a first split, of weights, rules and versions, and of the end of a split', async (t) => {
    const { path, entry } = await createPlace(t)
    const seen: number[] = []
    const watch = watchVariants(path, (set) => void seen.push(set.number), { pollMs: 20 })
    t.after(() => watch.close())
    await pause(60)
    const both = [entry('stable', 1, 90), entry('canary', 2, 10)]
    const turns = [
      { number: 1, variants: both },
      { number: 2, variants: both, tenants: { acme: 'canary' } },
      { number: 3, variants: [entry('stable', 1, 50), entry('canary', 2, 50)] },
      { number: 4, variants: [entry('stable', 3, 50), entry('canary', 2, 50)] },
    ]
    for (const turn of turns) {
      await splitTarget(path, turn)
      await until(() => seen.at(-1) === turn.number, `set ${turn.number}`)
    }
    await splitTarget(path, { number: 5, variants: [] })
    await until(() => seen.at(-1) === 0, 'the end')
    assert.deepEqual(seen, [1, 2, 3, 4, 0])
  })

  it('is woken by the rename, long before it would look by itself', async (t) => {
    const { path, entry } = await createPlace(t)
    await splitTarget(path, { number: 1, variants: [entry('stable', 1, 1)] })
    const seen: number[] = []
    const watch = watchVariants(path, (set) => void seen.push(set.number), { pollMs: 60_000 })
    t.after(() => watch.close())
    await pause(60)
    await splitTarget(path, { number: 2, variants: [entry('stable', 2, 1)] })
    await until(() => seen.length > 0, 'the event')
  })
})

describe('openVariants', () => {
  it('loads what is new, and uses versions, weights and rules together', async (t) => {
    const { path, entry } = await createPlace(t)
    const loads: (number | undefined)[] = []
    const opened = await openVariants(
      path,
      (model) => {
        loads.push(model.version?.number)
        return load(model)
      },
      { pollMs: 20 },
    )
    t.after(() => opened.close())
    assert.deepEqual(
      [opened.pick({ key: 'user-19' }).value, opened.pick({ key: 'user-19' }).variant],
      ['3', 'stable'],
    )
    await splitTarget(path, { number: 1, variants: [entry('stable', 3, 90), entry('canary', 2, 10)] })
    await until(() => opened.current.set.number === 1, 'the split')
    const picked = opened.pick({ key: 'user-19' })
    assert.deepEqual([picked.variant, picked.value, picked.model.version?.number], ['canary', '2', 2])
    await splitTarget(path, { number: 2, variants: [entry('stable', 3, 50), entry('canary', 2, 50)] })
    await until(() => opened.current.set.number === 2, 'the weights')
    assert.deepEqual(loads, [3, 2])
  })

  it('keeps the former set where one version of the new one cannot be loaded, and says so', async (t) => {
    const { path, entry } = await createPlace(t)
    const file = join(await temporaryDirectory(t), 'ready.json')
    const errors: unknown[] = []
    await splitTarget(path, { number: 1, variants: [entry('stable', 1, 90), entry('canary', 2, 10)] })
    const opened = await openVariants(
      path,
      async (model) => {
        if (model.version?.number === 3) throw new Error('out of memory')
        return load(model)
      },
      { pollMs: 20, readinessFile: file, onError: (error) => void errors.push(error) },
    )
    t.after(() => opened.close())
    assert.equal(opened.readiness().problem, undefined)
    await splitTarget(path, { number: 2, variants: [entry('stable', 2, 50), entry('canary', 3, 50)] })
    await until(() => errors.length > 0, 'the report')
    assert.deepEqual(versions(opened.current.set), [
      ['stable', 90, 1],
      ['canary', 10, 2],
    ])
    const said = opened.readiness()
    assert.deepEqual(
      [
        said.ready,
        'number' in said && said.number,
        said.variants?.map((one) => 'number' in one && one.number),
      ],
      [true, 1, [1, 2]],
    )
    assert.deepEqual(
      [said.problem, said.refused?.map((one) => 'number' in one && one.number)],
      ['out of memory', [3]],
    )
    let written: { problem?: string; pid?: number } = {}
    const read = async () => (written = JSON.parse(await readFile(file, 'utf8')) as typeof written)
    for (let turn = 0; turn < 100 && (await read()).problem === undefined; turn++) await pause(10)
    assert.deepEqual([written.problem, written.pid], ['out of memory', process.pid])
    await splitTarget(path, { number: 3, variants: [entry('stable', 2, 50)] })
    await until(() => opened.problem === undefined, 'a set that can be loaded')
    assert.equal(opened.readiness().refused, undefined)
    opened.close()
    await pause(50)
    await assert.rejects(readFile(file), { code: 'ENOENT' })
  })

  it('reports a readiness file that cannot be written, and serves', async (t) => {
    const { path } = await createPlace(t)
    const directory = await temporaryDirectory(t)
    await mkdir(join(directory, 'ready.json'))
    const errors: unknown[] = []
    const opened = await openVariants(path, load, {
      readinessFile: join(directory, 'ready.json'),
      onError: (error) => void errors.push(error),
    })
    t.after(() => opened.close())
    await until(() => errors.length === 1, 'the report')
    assert.equal(opened.pick({ key: 'a' }).value, '3')
  })
})
