import assert from 'node:assert/strict'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { callPlugin, pluginMissing, unmountBelow } from '../../test/fixtures/plugin.ts'
import { assertServed, startApp, versionOf } from '../../test/fixtures/reload.ts'
import { addVersion } from '../../test/fixtures/store.ts'
import { eventually } from '../../test/fixtures/wait.ts'
import { planReload } from '../reload/index.ts'
import { openStore } from '../store/index.ts'
import { serveDockerPlugin } from './docker-plugin.ts'

const skip = pluginMissing()
const FOLLOWING = { ref: 'sentiment:prod', follow: 'true' }

/** A plugin without an Engine, whose volumes' application is told by POST /reload and asked at /health. */
async function createScene(t: TestContext) {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'ballast-plugin-')))
  const store = await openStore(join(root, 'store'))
  const socket = join(root, 'models.sock')
  const judged: string[] = []
  let url = ''
  const start = () =>
    serveDockerPlugin(store, {
      listen: { path: socket },
      engine: () => Promise.reject(new Error('there is no Engine')),
      log: () => undefined,
      reloading: {
        async taskOf({ name, ref }) {
          if (name !== 'ml') return undefined
          assert.equal(ref, 'sentiment:prod')
          const reload = { http: `POST ${url}/reload`, ready: `GET ${url}/health`, within: '2s' }
          return {
            plans: [planReload(reload)],
            directory: root,
            engine: { dockerConfig: root },
            retry: false,
          }
        },
        onJudged: (volume, { version, proof, putBack }) =>
          void judged.push([volume, version, proof.is, putBack?.version ?? ''].join(' ').trim()),
      },
    })
  let plugin = await start()
  t.after(async () => {
    await plugin.close()
    await unmountBelow(root)
    await rm(root, { recursive: true, force: true })
  })
  const call = (method: string, body: object) => callPlugin(socket, `VolumeDriver.${method}`, body)
  return {
    judged,
    call,
    add: (number: number, behaviour?: string) =>
      addVersion(store, 'sentiment:prod', versionOf(number, behaviour)),
    /** The volume with a user, and the application on it. */
    async use(name: string) {
      await call('Create', { Name: name, Opts: FOLLOWING })
      const { body } = await call('Mount', { Name: name, ID: `user-of-${name}` })
      const app = await startApp(t, join(String(body.Mountpoint), 'sentiment'))
      if (name === 'ml') url = app.url
      return app
    },
    async shown(name: string) {
      const { body } = await call('Get', { Name: name })
      return (body.Volume as { Status: { version: number } }).Status.version
    },
    async restart() {
      await plugin.close()
      plugin = await start()
    },
  }
}

test('the application of a following volume is told of each version, and one that it does not serve is put back', {
  skip,
}, async (t) => {
  const { add, use, judged, shown, call, restart } = await createScene(t)
  await add(1)
  const [app, other] = [await use('ml'), await use('undeclared')]
  const stop = app.ask()
  await add(2)
  await eventually(async () => assert.deepEqual(judged, ['ml sentiment:2 served']))
  assert.deepEqual([await app.served(), await other.served()], [2, 1], 'nobody has told the other one')
  await add(3, 'fails')
  await eventually(async () => assert.equal(judged[1], 'ml sentiment:3 failed sentiment:2'))
  await eventually(async () => assert.equal(await shown('ml'), 2))
  assert.equal(await shown('undeclared'), 3)
  assertServed(await stop(), [1, 2])
  // Neither this process nor the next one, nor a container that starts, tries it again.
  await restart()
  await call('Unmount', { Name: 'ml', ID: 'user-of-ml' })
  await call('Mount', { Name: 'ml', ID: 'another' })
  assert.equal(await shown('ml'), 2)
  assert.equal(judged.length, 2)
  await add(4)
  await eventually(async () => assert.equal(judged[2], 'ml sentiment:4 served'))
  assert.deepEqual([await app.served(), await shown('ml')], [4, 4])
})

test('what a process has left unproven the next one asks for', { skip }, async (t) => {
  const { add, use, judged, restart } = await createScene(t)
  await add(1)
  const app = await use('ml')
  await add(2, 'never')
  await eventually(async () => assert.equal(await app.served(), 2))
  await restart()
  await eventually(async () => assert.deepEqual(judged, ['ml sentiment:2 failed sentiment:1']))
  assert.equal(await app.served(), 1)
})
