import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, realpath, rename, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { COMMAND, run, start } from '../fixtures/command.ts'
import { callPlugin, pluginMissing } from '../fixtures/plugin.ts'

const skip = pluginMissing()

async function place(t: TestContext): Promise<{ readonly root: string; readonly socket: string }> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'ballast-plugin-')))
  await chmod(root, 0o755)
  t.after(() => rm(root, { recursive: true, force: true, maxRetries: 5 }))
  return { root, socket: join(root, 'plugins/models.sock') }
}

test('the socket is for root alone, and goes with the process', { skip }, async (t) => {
  const { root, socket } = await place(t)
  const args = ['serve', '--docker-plugin', '--plugin-socket', socket, '--json']
  const { child, stdout, ended, kill } = start(args, { store: join(root, 'store') })
  t.after(kill)
  await once(child.stdout ?? child, 'data')
  assert.deepEqual(JSON.parse(stdout()), { plugin: 'models', socket, store: join(root, 'store') })
  assert.equal((await stat(socket)).mode & 0o777, 0o600)
  child.kill('SIGTERM')
  assert.equal((await ended).code, 0)
  await assert.rejects(stat(socket), { code: 'ENOENT' })
})

test('a socket that a killed process left is replaced', { skip }, async (t) => {
  const { root, socket } = await place(t)
  const args = ['serve', '--docker-plugin', '--plugin-socket', socket]
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const { child, ended } = start(args, { store: join(root, 'store') })
    await once(child.stdout ?? child, 'data')
    assert.equal((await callPlugin(socket, 'VolumeDriver.List')).status, 200)
    child.kill(signal)
    await ended
  }
})

test('who is not root is told what it needs', { skip }, async (t) => {
  const { root, socket } = await place(t)
  const args = ['serve', '--docker-plugin', '--plugin-socket', socket]
  const { code, stderr } = await run(args, { store: join(root, 'store'), uid: 54321 })
  assert.equal(code, 4)
  assert.match(stderr, /has to run as root[\s\S]*sudo ballast serve --docker-plugin/)
})

test('a socket that systemd listens at is taken over, and left to it', { skip }, async (t) => {
  const { root } = await place(t)
  const socket = join(root, 'models.sock')
  const listener = createServer().listen(socket)
  await once(listener, 'listening')
  const { fd } = (listener as unknown as { readonly _handle: { readonly fd: number } })._handle
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
  const args = ['serve', '--docker-plugin', '--plugin-socket', socket, '--store', join(root, 'store')]
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, COMMAND, ...args], {
    stdio: ['ignore', 'pipe', 'inherit', fd],
  })
  await once(child.stdout ?? child, 'data')
  // From here on only the child answers; closed under its name, the socket would be removed.
  await rename(socket, `${socket}.kept`)
  listener.close()
  await once(listener, 'close')
  await rename(`${socket}.kept`, socket)
  const { status } = await callPlugin(socket, 'Plugin.Activate')
  assert.equal(status, 200)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
  assert.ok((await stat(socket)).isSocket())
})
