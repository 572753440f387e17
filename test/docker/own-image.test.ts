import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createStoreStorage, startRegistry } from '../../src/registry/index.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { addVersion, temporaryStore } from '../fixtures/store.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

const run = promisify(execFile)
const SCRIPT = fileURLToPath(new URL('../../scripts/image.ts', import.meta.url))
/** As a cautious cluster runs it. */
const CONFINED = [
  '--read-only',
  '--cap-drop',
  'ALL',
  '--security-opt',
  'no-new-privileges',
  '--network',
  'host',
]
const MOST_BYTES = 150e6

async function ownImage(t: TestContext): Promise<string> {
  const image = `${uniqueName('ballast-own')}:test`
  const { stdout } = await run(process.execPath, [SCRIPT, image])
  t.after(() => docker(['image', 'rm', '-f', image]))
  const { size } = JSON.parse(stdout) as { readonly size: number }
  t.diagnostic(`the image has ${Math.round(size / 1e6)} MB`)
  assert.ok(size < MOST_BYTES)
  return image
}

test("Ballast's own image delivers as an init container and follows as a sidecar, not as root, through a volume that the application reads", {
  skip: engineMissing(),
}, async (t) => {
  const image = await ownImage(t)
  assert.match(
    await docker(['image', 'inspect', '--format', '{{.Config.User}}', image]),
    /^[1-9]\d*:[1-9]\d*$/,
  )
  const store = await temporaryStore(t)
  const add = (text: string): Promise<unknown> =>
    addVersion(store, 'sentiment:prod', { 'config.json': text, 'weights.bin': Buffer.alloc(100_000, text) })
  await add('one')
  const registry = await startRegistry({ storage: createStoreStorage(store) })
  t.after(() => registry.close())
  const from = `${registry.host}/sentiment:prod`

  const volume = uniqueName('ballast-models')
  const [sidecar, app] = [uniqueName('ballast-sidecar'), uniqueName('ballast-app')]
  const base = await busyboxImage(t)
  t.after(async () => {
    await docker(['rm', '-f', sidecar, app])
    await docker(['volume', 'rm', '-f', volume])
  })
  const places = ['-v', `${volume}:/models`]
  const initial = ['mount', from, '/models/live', '--follow', '--once', '--link', '--store', '/models/.store']
  await docker(['run', '--rm', ...CONFINED, ...places, image, ...initial])
  await docker(['run', '-d', '--name', app, '-v', `${volume}:/models:ro`, base])
  const seen = (): Promise<string> => docker(['exec', app, 'cat', '/models/live/sentiment/config.json'])
  assert.equal(await seen(), 'one')

  const target = { ref: 'sentiment:prod', from, to: '/models/live', follow: true, every: '500ms', link: true }
  const file = join(await temporaryDirectory(t), 'ballast.yaml')
  await writeFile(file, JSON.stringify({ targets: [target] }))
  const serve = ['serve', '--follow', '--file', '/etc/ballast.yaml', '--store', '/models/.store']
  const config = ['-v', `${file}:/etc/ballast.yaml:ro`]
  const started = ['run', '-d', '--name', sidecar, ...CONFINED, ...places, ...config, image]
  await docker([...started, ...serve, '--status', '127.0.0.1:0'])
  await add('two')
  await eventually(async () => assert.equal(await seen(), 'two', await logsOf(sidecar)), { withinMs: 30_000 })
  await docker(['stop', sidecar])
  assert.equal(await docker(['inspect', '--format', '{{.State.ExitCode}}', sidecar]), '0')
})

/** What it said on either stream. */
async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await run('docker', ['logs', container])
  return `${stdout}${stderr}`
}
