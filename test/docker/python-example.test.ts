import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask, run, start } from '../fixtures/command.ts'
import { docker, uniqueName } from '../fixtures/engine.ts'
import { pluginMissing, startPluginEngine, startTestPlugin } from '../fixtures/plugin.ts'
import {
  buildPythonExample,
  EXAMPLE,
  exampleMissing,
  moveToEngine,
  predictions,
  reload,
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
  const startContainer = async (parent: TestContext, args: readonly string[]): Promise<string> => {
    const name = uniqueName('ballast-python')
    parent.after(() => docker(['rm', '-f', name]))
    await docker(['run', '-d', '--network', 'none', '--name', name, ...args])
    return name
  }
  const add = (model: string) => ask(['add', 'sentiment:prod', `./${model}`], options)
  const back = () => ask(['tag', 'sentiment:1', 'prod'], options)
  /** The same answers from the same code at the same path, and `check` names the version. */
  const assertServes = async (container: string, { answers, operand, version }: Serving): Promise<void> => {
    assert.deepEqual(await predictions(container), answers)
    assert.equal(await docker(['exec', container, 'cat', '/app/serve.py']), serve.trim())
    await docker(['exec', container, 'test', '-f', '/app/models/sentiment_model.pkl'])
    if (operand === undefined) return
    const [checked] = await ask<readonly { version: string; faults: readonly string[] }[]>(
      ['check', operand],
      options,
    )
    assert.deepEqual([checked?.version, checked?.faults], [version, []], operand)
  }

  const first = await startContainer(t, [baked])
  const one = await predictions(first)
  await docker(['cp', join(directory, 'models-2', 'sentiment_model.pkl'), `${first}:/app/models/`])
  await reload(first)
  const two = await predictions(first)
  assert.notDeepEqual(one, two)
  await add('models')

  await t.test('baked by docker build', async (t) => {
    await assertServes(await startContainer(t, [baked]), { answers: one })
  })

  await t.test(
    'embedded on the image without a model; an older container keeps the older model',
    async (t) => {
      const result = plain.replace(':plain', ':embedded')
      await ask(['embed', 'sentiment:prod=/app/models', plain, '-t', result], options)
      const older = await startContainer(t, [result])
      await assertServes(older, { answers: one })
      await add('models-2')
      await ask(['embed', 'sentiment:prod', result, '-t', result], options)
      const newer = await startContainer(t, [result])
      await assertServes(newer, { answers: two })
      await docker(['restart', older])
      await assertServes(older, { answers: one })
      await back()
    },
  )

  await t.test('in a directory, bind-mounted: pinned, and following', async (t) => {
    await ask(['mount', 'sentiment:1', './pinned'], options)
    const pinned = await startContainer(t, ['-v', `${directory}/pinned:/app/models:ro`, plain])
    await assertServes(pinned, { answers: one, operand: './pinned', version: 'sentiment:1' })
    const follower = start(['mount', 'sentiment:prod', './live', '--follow', '--json'], options)
    t.after(follower.kill)
    await until(() => follower.stdout().includes('"sentiment:1"'))
    const following = await startContainer(t, ['-v', `${directory}/live:/app/models:ro`, plain])
    await assertServes(following, { answers: one, operand: './live', version: 'sentiment:1' })
    await add('models-2')
    await until(() => follower.stdout().includes('"sentiment:2"'))
    await reload(following)
    await assertServes(following, { answers: two, operand: './live', version: 'sentiment:2' })
    await back()
    await until(() => follower.stdout().split('"sentiment:1"').length > 2)
    await docker(['restart', following])
    await assertServes(following, { answers: one, operand: './live', version: 'sentiment:1' })
    await assertServes(pinned, { answers: one, operand: './pinned', version: 'sentiment:1' })
  })

  await t.test('by the volume plugin: by tag, and following', { skip: pluginMissing() }, async (t) => {
    const engine = await startPluginEngine(t)
    const { host } = engine
    const plugin = await startTestPlugin(t, engine)
    const inPlugin = { ...options, store: plugin.store.root }
    await ask(['add', 'sentiment:prod', './models'], inPlugin)
    const image = await moveToEngine(plain, { host, directory })
    const startWith = async (settings: Readonly<Record<string, string>>): Promise<string> => {
      const volume = await plugin.volume({ ref: 'sentiment:prod', ...settings })
      const args = ['run', '-d', '--network', 'none', '-v', `${volume}:/app/models`, image]
      return docker(args, host)
    }
    const [byTag, following] = [await startWith({}), await startWith({ follow: 'true' })]
    const says = (container: string) => predictions(container, host)
    assert.deepEqual([await says(byTag), await says(following)], [one, one])
    assert.equal(await docker(['exec', following, 'cat', '/app/serve.py'], host), serve.trim())
    await ask(['add', 'sentiment:prod', './models-2'], inPlugin)
    const second = await sumOf(join(directory, 'models-2'))
    await until(async () => {
      const file = '/app/models/sentiment_model.pkl'
      return (await docker(['exec', following, 'sha256sum', file], host)).startsWith(second)
    })
    await reload(following, host)
    assert.deepEqual(await says(following), two)
    await docker(['restart', following], host)
    assert.deepEqual(await says(following), two)
    // A tag that is not followed is resolved when the volume goes from no user to one.
    assert.deepEqual(await says(byTag), one)
    await docker(['restart', byTag], host)
    assert.deepEqual(await says(byTag), two)
  })

  for (const strategy of ['mount', 'embed']) {
    await t.test(`by ballast run, with the strategy ${strategy}`, async (t) => {
      const containers: string[] = []
      for (const [model, answers] of [['models', one] as const, ['models-2', two] as const]) {
        if (model === 'models-2') await add(model)
        const name = uniqueName('ballast-python')
        t.after(() => docker(['rm', '-f', name]))
        const args = ['-d', '--network', 'none', '--name', name, plain]
        const ran = await run(
          ['run', '--model', 'sentiment:prod=/app/models', '--strategy', strategy, '--', ...args],
          options,
        )
        assert.equal(ran.code, 0, ran.stderr)
        await assertServes(name, { answers })
        containers.push(name)
      }
      await docker(['restart', `${containers[0]}`])
      await assertServes(`${containers[0]}`, { answers: one })
      await back()
    })
  }
})

interface Serving {
  readonly answers: unknown
  /** Of `ballast check`, and the version that it names. */
  readonly operand?: string
  readonly version?: string
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
