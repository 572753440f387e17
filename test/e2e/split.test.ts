import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { resolveVariants, type VariantSet } from '../../src/runtime/index.ts'
import { ask, type RunOptions, run, start } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

interface Split {
  readonly target: string
  readonly link: string
  readonly number: number
  readonly changed: boolean
  readonly bytesCopied: number
  readonly variants: readonly {
    readonly name: string
    readonly weight: number
    readonly share: number
    readonly version: string
    readonly ofLink: boolean
    readonly tenants: readonly string[]
  }[]
}

interface Checked {
  readonly operand: string
  readonly version?: string
  readonly faults: readonly string[]
  readonly notes?: readonly string[]
  readonly mend?: string
}

/** Four versions of a model, of which `prod` is the first, delivered to ./models. */
async function createWorld(t: TestContext): Promise<RunOptions & { readonly cwd: string }> {
  const cwd = await temporaryDirectory(t)
  const options = { store: join(cwd, 'store'), cwd }
  const random = createRandom('split')
  for (const at of [1, 2, 3, 4]) {
    await writeFiles(join(cwd, `m${at}`), { 'w.bin': random.bytes(20_000), 'number.txt': `${at}` })
    await ask(['add', 'sentiment', `./m${at}`], options)
  }
  await ask(['tag', 'sentiment:1', 'prod'], options)
  await ask(['mount', 'sentiment:prod', './models', '--follow', '--once'], options)
  return options
}

const shares = ({ variants }: Split) => variants.map(({ name, share, version }) => [name, share, version])
const versions = ({ variants }: VariantSet) =>
  variants.map(({ name, model }) => [name, model.version?.number])

test('variants of an image in a layout are listed there, and withdrawn', async (t) => {
  const options = await createWorld(t)
  const layout = join(options.cwd, 'layout')
  await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
  const image = `oci:${layout}:v1`
  await ask(['embed', 'sentiment:1=/app/models', `oci:${layout}:base`, '-t', image], options)
  for (const version of ['sentiment:2', 'sentiment:3'])
    await ask(['split', image, `canary=${version}`], options)
  await ask(['route', image, 'tenant=acme', 'sentiment:4'], options)
  const listed = async () => (await ask<Split>(['split', image], options)).variants.map(({ name }) => name)
  assert.deepEqual(await listed(), ['canary', 'tenant-acme'])
  await ask(['split', image, '--withdraw', 'canary'], options)
  assert.deepEqual(await listed(), ['tenant-acme'])
  await ask(['route', image, 'tenant=acme', '--withdraw'], options)
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as {
    manifests: { annotations: Record<string, string> }[]
  }
  const tags = index.manifests.map(({ annotations }) => annotations['org.opencontainers.image.ref.name'])
  assert.deepEqual(tags, ['base', 'v1'])
})

test('a canary from its first key to its withdrawal, by one command each', async (t) => {
  const options = await createWorld(t)
  const models = join(options.cwd, 'models')
  assert.deepEqual((await ask<Split>(['split', './models'], options)).variants, [])
  await ask(['tag', 'sentiment:2', 'canary'], options)
  const split = await ask<Split>(['split', './models', 'stable=90', 'canary=10'], options)
  assert.deepEqual(shares(split), [
    ['stable', 0.9, 'sentiment:1'],
    ['canary', 0.1, 'sentiment:2'],
  ])
  const again = await ask<Split>(['split', './models', 'stable=90', 'canary=10'], options)
  assert.deepEqual([again.changed, again.number], [false, 1])

  await ask(['route', './models', 'tenant=acme', 'sentiment:3'], options)
  await ask(['route', './models', 'tenant=globex', 'canary'], options)
  const set = await resolveVariants(models)
  assert.deepEqual(
    [set.pick({ tenant: 'acme' }).model.version?.number, set.pick({ tenant: 'globex' }).name],
    [3, 'canary'],
  )

  await ask(['tag', 'sentiment:4', 'canary'], options)
  const updated = await ask<Split>(['split', './models', '--update'], options)
  assert.equal(updated.variants[1]?.version, 'sentiment:4')
  await ask(['tag', 'sentiment:2', 'prod'], options)
  await ask(['mount', 'sentiment:prod', './models', '--follow', '--once'], options)
  assert.deepEqual(versions(await resolveVariants(models)), [
    ['stable', 2],
    ['canary', 4],
    ['tenant-acme', 3],
  ])

  const results = await ask<Checked[]>(['check', './models'], options)
  assert.deepEqual(
    results.map(({ operand, version, faults }) => [operand, version, faults]),
    [
      ['./models', 'sentiment:2', []],
      ['./models (sentiment: canary)', 'sentiment:4', []],
      ['./models (sentiment: tenant-acme)', 'sentiment:3', []],
    ],
  )
  assert.deepEqual(results[0]?.notes, [
    'variant stable: sentiment:2, 90 % of keys',
    'variant canary: sentiment:4, 10 % of keys, tenants globex',
    'variant tenant-acme: sentiment:3, tenants acme',
  ])

  const withdrawn = await ask<Split>(['split', './models', '--withdraw', 'canary'], options)
  assert.deepEqual(shares(withdrawn), [
    ['stable', 1, 'sentiment:2'],
    ['tenant-acme', 0, 'sentiment:3'],
  ])
  assert.equal((await resolveVariants(models)).pick({ tenant: 'globex' }).name, 'stable')
  const without = await ask<Split>(['route', './models', 'tenant=acme', '--withdraw'], options)
  assert.deepEqual(shares(without), [['stable', 1, 'sentiment:2']])
  assert.deepEqual((await ask<Split>(['split', './models', '--withdraw', 'stable'], options)).variants, [])
  assert.equal((await resolveVariants(models)).number, 0)

  const moves = await ask<{ tag: string; by: string; number?: number }[]>(['history', './models'], options)
  const canary = moves.filter(({ tag }) => tag === 'sentiment canary')
  assert.deepEqual(
    canary.map(({ number, by }) => [number, by]),
    [
      [2, 'split stable=90 canary=10'],
      [2, 'route tenant=globex canary'],
      [4, 'split --update'],
      [undefined, 'split --withdraw canary'],
    ],
  )
})

test('an application of ballast.yaml, and the errors that a user meets', async (t) => {
  const options = await createWorld(t)
  await writeFile(
    join(options.cwd, 'ballast.yaml'),
    'apps:\n  api: { models: [{ ref: sentiment:prod, path: /app/models }] }\n  other: { models: [{ ref: other, path: /app/models }] }\ntargets:\n  - { ref: sentiment:prod, to: ./models, follow: true }\n',
  )
  const split = await ask<Split>(['split', 'api', 'stable=1', 'new=1', 'new=sentiment:2'], options)
  assert.deepEqual(
    [split.target, shares(split).map(([, share]) => share)],
    [join(options.cwd, 'models'), [0.5, 0.5]],
  )
  const fails = async (code: number, args: readonly string[], message: RegExp): Promise<void> => {
    const ran = await run(args, options)
    assert.equal(ran.code, code, ran.stderr)
    assert.match(ran.stderr, message)
  }
  await fails(3, ['split', 'nobody', 'stable=1'], /no application nobody/)
  await fails(3, ['split', 'other', 'stable=1'], /no target of ballast.yaml has a model of other/)
  await fails(3, ['split', './nothing', 'stable=1'], /ballast mount REF .*--follow --once/)
  await fails(2, ['split', './models', 'new=2'], /stable=1 new=2/)
  await fails(2, ['split', './models', 'stable=-1', 'new=2'], /not a weight: -1/)
  await fails(2, ['split', './models', 'stable=50%'], /not a weight/)
  await fails(2, ['split', './models', 'stable'], /neither NAME=WEIGHT nor NAME=REF/)
  await fails(2, ['split', './models', 'Canary=1'], /not a name for a variant/)
  await fails(3, ['split', './models', 'stable=1', 'canari=1', 'new=1'], /canari=REF/)
  await fails(3, ['split', './models', 'third=sentiment:9'], /no version sentiment:9/)
  await fails(
    2,
    ['split', 'localhost:5000/app:v1', 'a=1'],
    /which requests go to which image is not for Ballast/,
  )
  await fails(2, ['split', 'archive:app.tar', 'a=sentiment:1'], /neither a directory nor an application/)
  await fails(2, ['route', './models', 'acme', 'sentiment:2'], /write tenant=NAME/)
  await fails(2, ['route', './models', 'tenant=acme'], /no version was named/)
  await fails(3, ['route', './models', 'tenant=acme', '--withdraw'], /no rule for the tenant "acme"/)
  assert.deepEqual(shares(await ask<Split>(['split', './models'], options)), shares(split))
})

test('a split that is killed at any instant leaves the former variants or the new ones, and whole versions', async (t) => {
  const options = await createWorld(t)
  const models = join(options.cwd, 'models')
  await ask(['split', './models', 'stable=90', 'canary=10', 'canary=sentiment:2'], options)
  const random = createRandom('killed splits')
  const wanted = [
    ['split', './models', 'stable=50', 'canary=50', 'canary=sentiment:3'],
    ['split', './models', 'stable=90', 'canary=10', 'canary=sentiment:4'],
    ['split', './models', 'stable=90', 'canary=10', 'canary=sentiment:2'],
  ]
  const allowed = new Set(['90,10,2', '50,50,3', '90,10,4'])
  const seen = new Set<string>()
  let killed = 0
  const full = await run(wanted[2] ?? [], options)
  for (let turn = 0; turn < 24; turn++) {
    const running = start(wanted[turn % 3] ?? [], options)
    await pause(random.below(Math.ceil(full.ms * 1.2)))
    running.kill()
    if ((await running.ended).signal !== null) killed++
    const { variants } = await resolveVariants(models)
    const state = [...variants.map(({ weight }) => weight), variants[1]?.model.version?.number].join()
    assert.ok(allowed.has(state), state)
    seen.add(state)
    for (const { model } of variants) {
      assert.equal(await readFile(model.file('number.txt'), 'utf8'), `${model.version?.number}`)
    }
  }
  t.diagnostic(`${killed} of 24 were killed; seen: ${[...seen].join(' ')}`)
  const last = await ask<Split>(['split', './models', 'stable=1', 'canary=1', 'canary=sentiment:3'], options)
  assert.deepEqual(
    shares(last).map(([, , version]) => version),
    ['sentiment:1', 'sentiment:3'],
  )
  const checked = await ask<Checked[]>(['check', './models', '--full'], options)
  assert.deepEqual(
    checked.flatMap(({ faults }) => faults),
    [],
  )
  const left = (await readdir(join(models, '.ballast'))).filter((name) => /incoming|tmp/.test(name))
  await ask(['mount', 'sentiment:prod', './models', '--follow', '--once'], options)
  const now = await readdir(join(models, '.ballast'))
  assert.deepEqual(now.sort(), ['lock', 'state.json', 'variants', 'versions'], left.join())
})

test('twenty tenants over one base: mounted, each takes the room of what is its own', async (t) => {
  const options = await createWorld(t)
  const models = join(options.cwd, 'models')
  const weights = createRandom('base').bytes(1_000_000)
  let copied = 0
  for (let tenant = 1; tenant <= 20; tenant++) {
    await writeFiles(join(options.cwd, 'own'), { 'w.bin': weights, 'number.txt': `tenant ${tenant}` })
    await ask(['add', `sentiment:t${tenant}`, './own'], options)
    const { bytesCopied } = await ask<Split>(
      ['route', './models', `tenant=t${tenant}`, `sentiment:t${tenant}`],
      options,
    )
    copied += bytesCopied
  }
  assert.ok(copied < weights.length + 20 * 20, `${copied} bytes were copied`)
  const set = await resolveVariants(models)
  assert.equal(set.variants.length, 21)
  for (let tenant = 1; tenant <= 20; tenant++) {
    const { model } = set.pick({ tenant: `t${tenant}`, key: 'anybody' })
    assert.equal(await readFile(model.file('number.txt'), 'utf8'), `tenant ${tenant}`)
    assert.deepEqual(await readFile(model.file('w.bin')), weights)
  }
  assert.deepEqual(
    (await ask<Checked[]>(['check', './models', '--full'], options)).flatMap(({ faults }) => faults),
    [],
  )
})
