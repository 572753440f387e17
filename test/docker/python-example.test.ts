import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CheckResult } from '../../src/workflows/check-target.ts'
import type { DiffResult } from '../../src/workflows/diff.ts'
import { ask, type Running, run, start } from '../fixtures/command.ts'
import { docker, uniqueName } from '../fixtures/engine.ts'
import { pluginMissing, startPluginEngine, startTestPlugin } from '../fixtures/plugin.ts'
import {
  buildPythonExample,
  EXAMPLE,
  exampleMissing,
  moveToEngine,
  predictions,
  reload,
  servedVersion,
} from '../fixtures/python-example.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

/**
 * One service, whose code and path never change, with its model in every way that there is. The two versions of the
 * model differ in what they make of "not bad".
 */
test('the Python example answers alike, whichever way its model arrives', {
  skip: exampleMissing(),
}, async (t) => {
  const { directory, baked, plain } = await buildPythonExample(
    t,
    join(await temporaryDirectory(t), 'example'),
  )
  const options = { store: join(directory, 'store'), cwd: directory }
  const serve = await readFile(join(EXAMPLE, 'serve.py'), 'utf8')

  /** Starts `docker run ARGS IMAGE` in the background: the container's name. */
  const startContainer = async (
    parent: TestContext,
    args: readonly string[],
    host?: string,
  ): Promise<string> => {
    const name = uniqueName('ballast-python')
    // What is in another Engine goes with it.
    if (host === undefined) parent.after(() => docker(['rm', '-f', name]))
    await docker(['run', '-d', '--network', 'none', '--name', name, ...args], host)
    return name
  }
  const add = (model: string) => ask(['add', 'sentiment:prod', `./${model}`], options)
  const back = () => ask(['tag', 'sentiment:1', 'prod'], options)
  /** `check` of each operand names the one model that there is, and finds it whole. */
  const assertNames = async (
    version: string,
    operands: readonly string[],
    { store, host }: Elsewhere = {},
  ): Promise<void> => {
    const there = { ...options, ...(store && { store }), ...(host && { env: { DOCKER_HOST: host } }) }
    for (const operand of operands) {
      const found = await ask<readonly CheckResult[]>(['check', operand], there)
      assert.deepEqual(
        found.map((one) => [one.version, one.faults]),
        [[version, []]],
        operand,
      )
    }
  }
  /** The same answers from the same code at the same path, and `check` names the version. */
  const assertServes = async (
    container: string,
    { answers, version, isCopied = false, also = [], ...elsewhere }: Serving,
  ): Promise<void> => {
    const { host } = elsewhere
    assert.deepEqual(await predictions(container, host), answers)
    assert.equal(await servedVersion(container, host), isCopied ? undefined : version)
    assert.equal(await docker(['exec', container, 'cat', '/app/serve.py'], host), serve.trim())
    await docker(['exec', container, 'test', '-f', '/app/models/sentiment_model.pkl'], host)
    const operands = [`container:${container}`, `container:${container}:/app/models`, ...also]
    await assertNames(version, operands, elsewhere)
  }
  /** What is delivered while the tag is followed, in the background until the test ends. */
  const follow = (parent: TestContext, target: string): Running => {
    const follower = start(['mount', 'sentiment:prod', target, '--follow', '--json'], options)
    parent.after(follower.kill)
    return follower
  }

  const first = await startContainer(t, [baked])
  const one = { answers: await predictions(first), version: 'sentiment:1' }
  await docker(['cp', join(directory, 'models-2', 'sentiment_model.pkl'), `${first}:/app/models/`])
  await reload(first)
  const two = { answers: await predictions(first), version: 'sentiment:2' }
  assert.notDeepEqual(one.answers, two.answers)
  await add('models')

  await t.test('baked by docker build: known by its bytes', async (t) => {
    await assertServes(await startContainer(t, [baked]), { ...one, isCopied: true, also: [`image:${baked}`] })
  })

  const embedded = plain.replace(':plain', ':embedded')
  await t.test(
    'embedded on the image without a model; an older container keeps the older model',
    async (t) => {
      await ask(['embed', 'sentiment:prod=/app/models', plain, '-t', embedded], options)
      const older = await startContainer(t, [embedded])
      await assertServes(older, { ...one, also: [`image:${embedded}`] })
      await add('models-2')
      await ask(['embed', 'sentiment:prod', embedded, '-t', embedded], options)
      const newer = await startContainer(t, [embedded])
      await assertServes(newer, { ...two, also: [`image:${embedded}`] })
      await docker(['restart', older])
      await assertServes(older, one)
      await back()
      await ask(['embed', 'sentiment:prod', embedded, '-t', embedded], options)
    },
  )

  await t.test('in a directory, bind-mounted: pinned, and following', async (t) => {
    await ask(['mount', 'sentiment:1', './pinned'], options)
    const pinned = await startContainer(t, ['-v', `${directory}/pinned:/app/models:ro`, plain])
    await assertServes(pinned, { ...one, also: ['./pinned'] })
    const follower = follow(t, './live')
    await until(() => follower.stdout().includes('"sentiment:1"'))
    const following = await startContainer(t, ['-v', `${directory}/live:/app/models:ro`, plain])
    await assertServes(following, { ...one, also: ['./live'] })
    await add('models-2')
    await until(() => follower.stdout().includes('"sentiment:2"'))
    await reload(following)
    await assertServes(following, { ...two, also: ['./live'] })
    await back()
    await until(() => follower.stdout().split('"sentiment:1"').length > 2)
    await docker(['restart', following])
    await assertServes(following, { ...one, also: ['./live'] })
    await assertServes(pinned, { ...one, also: ['./pinned'] })
  })

  await t.test('in a named volume: pinned, and following; an older image beside it', async (t) => {
    const [pinned, live] = [uniqueName('ballast-python'), uniqueName('ballast-python')]
    const withVolume = (volume: string): Promise<string> =>
      startContainer(t, ['-v', `${volume}:/app/models:ro`, plain])
    await ask(['mount', 'sentiment:1', `volume:${pinned}`], options)
    const staying = await withVolume(pinned)
    await assertServes(staying, { ...one, also: [`volume:${pinned}`] })
    const follower = follow(t, `volume:${live}`)
    // Behind it: a follower would deliver into a volume that goes.
    t.after(() => removeVolumes([pinned, live]))
    await until(() => follower.stdout().includes('"sentiment:1"'))
    const following = await withVolume(live)
    const older = await startContainer(t, [embedded])
    await assertServes(following, { ...one, also: [`volume:${live}`] })
    await add('models-2')
    await until(() => follower.stdout().includes('"sentiment:2"'))
    await docker(['restart', following, older, staying])
    await assertServes(following, { ...two, also: [`volume:${live}`] })
    await assertServes(older, one)
    await assertServes(staying, one)
    await ask(['rollback', `volume:${live}`], options)
    await reload(following)
    await assertServes(following, one)
    await back()
  })

  await t.test('by the volume plugin: by tag, and following', { skip: pluginMissing() }, async (t) => {
    const engine = await startPluginEngine(t)
    const { host } = engine
    const plugin = await startTestPlugin(t, engine)
    const store = plugin.store.root
    const addTo = (model: string) => ask(['add', 'sentiment:prod', `./${model}`], { ...options, store })
    await addTo('models')
    const image = await moveToEngine(plain, { host, directory })
    const startWith = async (settings: Readonly<Record<string, string>>) => {
      const volume = await plugin.volume({ ref: 'sentiment:prod', ...settings })
      const container = await startContainer(t, ['-v', `${volume}:/app/models`, image], host)
      return { container, there: { store, host, also: [`volume:${volume}`] } }
    }
    const [byTag, following] = [await startWith({}), await startWith({ follow: 'true' })]
    for (const { container, there } of [byTag, following]) await assertServes(container, { ...one, ...there })
    await addTo('models-2')
    const second = await sumOf(join(directory, 'models-2'))
    await until(async () => {
      const file = '/app/models/sentiment_model.pkl'
      return (await docker(['exec', following.container, 'sha256sum', file], host)).startsWith(second)
    })
    await reload(following.container, host)
    await assertServes(following.container, { ...two, ...following.there })
    await docker(['restart', following.container], host)
    await assertServes(following.container, { ...two, ...following.there })
    // A tag that is not followed is resolved when the volume goes from no user to one.
    await assertServes(byTag.container, { ...one, ...byTag.there })
    await docker(['restart', byTag.container], host)
    await assertServes(byTag.container, { ...two, ...byTag.there })
  })

  await t.test('an evaluation says which version is the better one', async () => {
    const models = ['--model', 'sentiment:1', '--model', 'sentiment:2', '--metrics', '/tmp/metrics.json']
    const place = ['--rm', '--network', 'none', '-v', `${directory}:/work:ro`, plain]
    const ran = await run(['run', ...models, '--', ...place, 'python', '/work/evaluate.py'], options)
    assert.equal(ran.code, 0, ran.stderr)
    const { metrics } = await ask<DiffResult>(['diff', 'sentiment:1', 'sentiment:2'], options)
    const accuracy = metrics.find(({ name }) => name === 'accuracy')
    assert.ok((accuracy?.before ?? 1) < (accuracy?.after ?? 0), JSON.stringify(metrics))
  })

  for (const strategy of ['mount', 'embed']) {
    await t.test(`by ballast run, with the strategy ${strategy}`, async (t) => {
      const containers: string[] = []
      for (const [model, serving] of [['models', one] as const, ['models-2', two] as const]) {
        if (model === 'models-2') await add(model)
        const name = uniqueName('ballast-python')
        t.after(() => docker(['rm', '-f', name]))
        const args = ['-d', '--network', 'none', '--name', name, plain]
        const ran = await run(
          ['run', '--model', 'sentiment:prod=/app/models', '--strategy', strategy, '--', ...args],
          options,
        )
        assert.equal(ran.code, 0, ran.stderr)
        await assertServes(name, serving)
        containers.push(name)
      }
      await docker(['restart', `${containers[0]}`])
      await assertServes(`${containers[0]}`, one)
      await back()
    })
  }
})

/** Another store, and another Engine's address. */
interface Elsewhere {
  readonly store?: string
  readonly host?: string
}

interface Serving extends Elsewhere {
  readonly answers: unknown
  readonly version: string
  /** By docker build, so that nothing beside the file says which version it is. */
  readonly isCopied?: boolean
  /** What `check` is to name it of, beside the container. */
  readonly also?: readonly string[]
}

/** With the containers that have them. */
async function removeVolumes(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const users = await docker(['ps', '-aq', '--filter', `volume=${name}`])
    if (users !== '') await docker(['rm', '-f', ...users.split('\n')])
    await docker(['volume', 'rm', '-f', name])
  }
}

async function sumOf(directory: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(directory, 'sentiment_model.pkl')))
    .digest('hex')
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt++) {
    if (await check()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail(`it did not happen within a minute: ${check}`)
}
