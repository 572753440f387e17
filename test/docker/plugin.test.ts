import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { run } from '../fixtures/command.ts'
import { docker as dockerAt, uniqueName } from '../fixtures/engine.ts'
import { missingParts } from '../fixtures/parts.ts'
import {
  type PluginEngine,
  pluginOrEngineMissing,
  startPluginEngine,
  startTestPlugin,
  statusOfVolume as statusAt,
} from '../fixtures/plugin.ts'
import { addVersion, fileOf, flipBit } from '../fixtures/store.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

const skip = pluginOrEngineMissing()
const cleanups: (() => Promise<void>)[] = []
let engine: PluginEngine

before(async () => {
  if (!skip) engine = await startPluginEngine({ after: (work) => cleanups.push(work as () => Promise<void>) })
})

after(async () => {
  // The Engine last: what is in it goes first.
  for (const cleanup of cleanups.reverse()) await cleanup()
})

const statusOfVolume = (volume: string): ReturnType<typeof statusAt> => statusAt(volume, engine.host)
const docker = (args: readonly string[]): Promise<string> => dockerAt(args, engine.host)

const ONE = { 'sentiment_model.pkl': 'weights of one', 'config/labels.txt': 'good bad' }
const TWO = { 'sentiment_model.pkl': 'weights of two', 'config/labels.txt': 'good bad' }
const CAT = ['cat', '/app/models/sentiment_model.pkl'] as const

async function composeCommand(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('docker-compose', args, {
    env: { ...process.env, DOCKER_HOST: engine.host },
  })
  return stdout.trim()
}

/** What Docker says where it fails. */
async function refusal(args: readonly string[]): Promise<string> {
  const error = await docker(args).then(
    () => assert.fail(`docker ${args.join(' ')} succeeded`),
    (thrown: Error & { readonly stderr?: string }) => thrown,
  )
  return error.stderr ?? error.message
}

test('check names what a volume serves, and says why it can serve nothing', { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  const check = () =>
    run(['check', `volume:${volume}`], { store: plugin.store.root, env: { DOCKER_HOST: engine.host } })
  const nothing = await check()
  assert.equal(nothing.code, 4)
  assert.match(nothing.stdout, /no model sentiment in the store .*ballast add sentiment/)
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const served = await check()
  assert.equal(served.code, 0, served.stdout)
  assert.match(served.stdout, new RegExp(`^ok   volume:${volume}   sentiment:1 `))
  assert.equal((await statusOfVolume(volume)).users, 0)
})

test("the user's own docker run finds the model, read-only also for root, and inspect tells which it is", {
  skip,
}, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  const { version } = await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  const mounted = `${volume}:/app/models`
  assert.equal(await docker(['run', '--rm', '-v', mounted, image, ...CAT]), 'weights of one')
  const write =
    'for f in $(find /app/models -type f); do echo x > $f; rm -f $f; chmod 777 $f; done; rm -rf /app/models; true'
  await docker(['run', '--rm', '-v', mounted, image, 'sh', '-c', write])
  assert.equal(await docker(['run', '--rm', '-v', mounted, image, ...CAT]), 'weights of one')
  assert.deepEqual((await plugin.store.verify()).problems, [])
  const status = await statusOfVolume(volume)
  assert.deepEqual(status, {
    ref: 'sentiment:prod',
    follow: false,
    rw: false,
    users: 0,
    digest: version.digest,
    version: 1,
  })
})

test("an image's own files at the path are hidden, and copied nowhere", { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  for (const path of ['/app', '/tmp', '/bin/deeper', '/etc/init.d']) {
    const listed = await docker(['run', '--rm', '-v', `${volume}:${path}`, image, 'ls', path])
    assert.equal(listed, 'config\nsentiment_model.pkl')
  }
  assert.equal((await statusOfVolume(volume)).users, 0)
})

test('a model that is missing, damaged or misnamed stops the container, and Docker says how to mend it', {
  skip,
}, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  const args = ['run', '--rm', '-v', `${volume}:/app/models`, image, ...CAT]
  assert.match(await refusal(args), /no model sentiment in the store .*to add it: ballast add sentiment/)
  const { version } = await addVersion(plugin.store, 'sentiment:prod', ONE)
  await flipBit(plugin.store.blobs.path(fileOf(version, 'sentiment_model.pkl').digest))
  assert.match(await refusal(args), /is damaged.*ballast add sentiment/)
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  assert.equal(await docker(args), 'weights of one')
  await rm(plugin.store.blobs.path(fileOf(version, 'config/labels.txt').digest))
  assert.match(await refusal(args), /no blob.*ballast add sentiment/)
  const create = ['volume', 'create', '-d', plugin.name]
  assert.match(await refusal([...create, '-o', 'model=sentiment', 'x1']), /"model".*there are: ref, follow/)
  assert.match(await refusal([...create, '-o', 'ref=ghcr.io/me/sentiment', 'x2']), /ballast pull ghcr/)
  assert.match(await refusal(create), /-o ref=sentiment:prod/)
})

test('a tag that was moved to a broken version stops new containers, not the one that runs', {
  skip,
}, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, '-v', `${volume}:/app/models`, image])
  const { version } = await addVersion(plugin.store, 'sentiment:prod', TWO)
  await rm(plugin.store.blobs.path(fileOf(version, 'sentiment_model.pkl').digest))
  assert.equal(await docker(['exec', name, ...CAT]), 'weights of one')
  assert.match(await refusal(['restart', '-t', '0', name]), /sentiment:prod.*ballast add sentiment/)
  await addVersion(plugin.store, 'sentiment:prod', TWO)
  await docker(['start', name])
  assert.equal(await docker(['exec', name, ...CAT]), 'weights of two')
})

test('what a container does to a writable volume reaches neither the store nor other containers', {
  skip,
}, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const own = await plugin.volume({ ref: 'sentiment:prod', rw: 'true' })
  const shared = await plugin.volume({ ref: 'sentiment:prod' })
  const other = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', other, '-v', `${shared}:/app/models`, image])
  const spoil =
    'cd /app/models && echo spoilt > sentiment_model.pkl && rm -rf config .ballast && echo new > new'
  await docker(['run', '--rm', '-v', `${own}:/app/models`, image, 'sh', '-c', spoil])
  assert.equal(await docker(['run', '--rm', '-v', `${own}:/app/models`, image, ...CAT]), 'spoilt')
  await docker(['run', '--rm', '-v', `${own}:/app/models`, image, 'sh', '-c', 'rm -rf /app/models/*'])
  assert.equal(await docker(['run', '--rm', '-v', `${own}:/app/models`, image, 'ls', '/app/models']), '')
  assert.equal(await docker(['exec', other, ...CAT]), 'weights of one')
  assert.deepEqual((await plugin.store.verify()).problems, [])
})

test('a following volume shows the new version to a container that runs', { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', { 'sentiment_model.pkl': 'weights of one' })
  const volume = await plugin.volume({ ref: 'sentiment:prod', follow: 'true' })
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, '-v', `${volume}:/app/models`, image])
  assert.equal(await docker(['exec', name, ...CAT]), 'weights of one')
  await addVersion(plugin.store, 'sentiment:prod', { 'sentiment_model.pkl': 'weights of two' })
  await eventually(async () => assert.equal(await docker(['exec', name, ...CAT]), 'weights of two'))
  await docker(['exec', name, 'sh', '-c', '! echo x > /app/models/sentiment_model.pkl'])
  const { version } = await statusOfVolume(volume)
  assert.equal(version, 2)
})

test('fifty containers of one model start at once, on one copy', { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  const { version } = await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volumes = [
    await plugin.volume({ ref: 'sentiment:prod' }),
    await plugin.volume({ ref: 'sentiment:prod' }),
  ]
  const names = Array.from({ length: 50 }, () => uniqueName('ballast-test'))
  await Promise.all(
    names.map((name, at) =>
      docker([
        'run',
        '-d',
        '--network',
        'none',
        '--name',
        name,
        '-v',
        `${volumes[at % 2]}:/app/models`,
        image,
      ]),
    ),
  )
  const blob = await stat(plugin.store.blobs.path(fileOf(version, 'sentiment_model.pkl').digest))
  for (const name of [names[0], names[1], names[49]]) {
    const inode = await docker(['exec', name ?? '', 'stat', '-c', '%i', '/app/models/sentiment_model.pkl'])
    assert.equal(inode, `${blob.ino}`)
  }
  assert.equal((await readdir(join(plugin.directory, 'trees'))).length, 1)
  assert.equal((await statusOfVolume(volumes[0] ?? '')).users, 25)
  await docker(['rm', '-f', ...names])
  for (const volume of volumes) assert.equal((await statusOfVolume(volume)).users, 0)
})

test('docker cp on a running container leaves it its model', { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, '-v', `${volume}:/app/models`, image])
  const directory = await temporaryDirectory(t)
  await docker(['cp', `${name}:/app/models/sentiment_model.pkl`, join(directory, 'copied')])
  assert.equal(await readFile(join(directory, 'copied'), 'utf8'), 'weights of one')
  assert.equal((await statusOfVolume(volume)).users, 1)
  assert.equal(await docker(['exec', name, ...CAT]), 'weights of one')
  await docker(['stop', '-t', '0', name])
  await docker(['cp', `${name}:/app/models/sentiment_model.pkl`, join(directory, 'of a stopped one')])
  assert.equal((await statusOfVolume(volume)).users, 0)
})

test('a volume in use cannot be removed, and one that is not leaves nothing behind', { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = await plugin.volume({ ref: 'sentiment:prod', rw: 'true' })
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, '-v', `${volume}:/app/models`, image])
  assert.match(await refusal(['volume', 'rm', volume]), /in use/)
  assert.equal(await docker(['exec', name, ...CAT]), 'weights of one')
  await docker(['rm', '-f', name])
  await docker(['volume', 'rm', volume])
  assert.deepEqual(await readdir(join(plugin.directory, 'mounts')), [])
  assert.deepEqual(await readdir(join(plugin.directory, 'writable')), [])
})

test('without the plugin Docker refuses to start the container', { skip }, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = await plugin.volume({ ref: 'sentiment:prod' })
  await plugin.stop()
  assert.match(
    await refusal(['run', '--rm', '-v', `${volume}:/app/models`, image, ...CAT]),
    /plugin|dial unix/,
  )
  await plugin.start()
  assert.equal(await docker(['run', '--rm', '-v', `${volume}:/app/models`, image, ...CAT]), 'weights of one')
})

test('two services of a Compose file share one volume', {
  skip: skip || missingParts('docker-compose'),
}, async (t) => {
  const plugin = await startTestPlugin(t, engine)
  const { image } = engine
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const volume = uniqueName('ballast-test')
  const directory = await temporaryDirectory(t)
  const service = { image, network_mode: 'none', volumes: ['models:/app/models'] }
  const file = join(directory, 'docker-compose.yml')
  const models = { name: volume, driver: plugin.name, driver_opts: { ref: 'sentiment:prod' } }
  await writeFile(
    file,
    JSON.stringify({ version: '3.4', services: { api: service, batch: service }, volumes: { models } }),
  )
  const project = uniqueName('ballasttest').replaceAll('-', '')
  const compose = (...args: readonly string[]): Promise<string> =>
    composeCommand(['-p', project, '-f', file, ...args])
  t.after(() => compose('down', '-v', '-t', '0').catch(() => undefined))
  await compose('up', '-d')
  for (const name of ['api', 'batch'])
    assert.equal(await compose('exec', '-T', name, ...CAT), 'weights of one')
  assert.equal((await statusOfVolume(volume)).users, 2)
  await compose('down', '-v', '-t', '0')
  assert.deepEqual(await readdir(join(plugin.directory, 'mounts')), [])
})
