import assert from 'node:assert/strict'
import { test } from 'node:test'
import { docker as dockerAt, uniqueName } from '../fixtures/engine.ts'
import {
  type PluginEngine,
  pluginOrEngineMissing,
  startPluginEngine,
  startTestPlugin,
  statusOfVolume,
  type TestPlugin,
} from '../fixtures/plugin.ts'
import { addVersion } from '../fixtures/store.ts'
import { eventually } from '../fixtures/wait.ts'

const skip = pluginOrEngineMissing()
const CAT = ['cat', '/app/models/sentiment_model.pkl'] as const
const KINDS = { pinned: {}, writable: { rw: 'true' }, following: { follow: 'true' } } as const

interface Scene {
  readonly engine: PluginEngine
  readonly plugin: TestPlugin
  readonly docker: (...args: readonly string[]) => Promise<string>
  /** A container that runs with a volume of each kind. */
  readonly running: readonly { readonly container: string; readonly volume: string }[]
}

for (const liveRestore of [false, true]) {
  const engineIs = liveRestore ? 'with live-restore' : 'without live-restore'
  test(`plugin and Engine ${engineIs}: killed and restarted, alone and together, no container loses its model, and no count stays`, {
    skip,
  }, async (t) => {
    const cleanups: (() => Promise<void>)[] = []
    t.after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup()
    })
    const scene = await setUp({ after: (work) => cleanups.push(work as () => Promise<void>) }, liveRestore)
    const { engine, plugin, docker, running } = scene
    const serves = async (): Promise<void> => {
      for (const { container } of running) {
        await eventually(async () => assert.equal(await docker('exec', container, ...CAT), 'weights of one'))
      }
    }
    const startStopped = async (): Promise<void> => {
      if (!liveRestore) await docker('start', ...running.map(({ container }) => container))
    }

    await plugin.stop('SIGKILL')
    await serves()
    await plugin.start()
    await serves()

    await engine.stop()
    await engine.start()
    await startStopped()
    await serves()

    await Promise.all([engine.stop('SIGKILL'), plugin.stop('SIGKILL')])
    await plugin.start()
    await engine.start()
    await startStopped()
    await serves()

    // The other order: Docker asks before the plugin answers.
    await Promise.all([engine.stop(), plugin.stop()])
    await Promise.all([engine.start(), plugin.start()])
    await startStopped()
    await serves()

    const known = (await docker('volume', 'ls', '-q')).split('\n').sort()
    assert.deepEqual(known, running.map(({ volume }) => volume).sort())
    await docker('rm', '-f', ...running.map(({ container }) => container))
    for (const { volume } of running) {
      await eventually(async () => assert.equal((await statusOfVolume(volume, engine.host)).users, 0))
    }
    assert.deepEqual((await plugin.store.verify()).problems, [])
  })
}

test('containers that end while the plugin does not run are forgotten when it is back', {
  skip,
}, async (t) => {
  const cleanups: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
  })
  const { engine, plugin, docker, running } = await setUp(
    { after: (work) => cleanups.push(work as () => Promise<void>) },
    false,
  )
  await plugin.stop('SIGKILL')
  await docker('rm', '-f', ...running.map(({ container }) => container)).catch(() => undefined)
  await plugin.start()
  for (const { volume } of running) {
    await eventually(async () => assert.equal((await statusOfVolume(volume, engine.host)).users, 0))
  }
})

async function setUp(
  t: { readonly after: (work: () => Promise<void>) => void },
  liveRestore: boolean,
): Promise<Scene> {
  const engine = await startPluginEngine(t as never, { liveRestore })
  const plugin = await startTestPlugin(t as never, engine)
  const docker = (...args: readonly string[]): Promise<string> => dockerAt(args, engine.host)
  await addVersion(plugin.store, 'sentiment:prod', { 'sentiment_model.pkl': 'weights of one' })
  const running: { container: string; volume: string }[] = []
  for (const options of Object.values(KINDS)) {
    const volume = await plugin.volume({ ref: 'sentiment:prod', ...options })
    const container = uniqueName('ballast-test')
    const args = ['--network', 'none', '-v', `${volume}:/app/models`, engine.image]
    await docker('run', '-d', '--name', container, ...args)
    running.push({ container, volume })
  }
  return { engine, plugin, docker, running }
}
