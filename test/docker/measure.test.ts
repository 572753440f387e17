import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRepository } from '../../src/registry/index.ts'
import { measureHere } from '../../src/workflows/measure.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { docker, engineMissing } from '../fixtures/engine.ts'
import { temporaryStore } from '../fixtures/store.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const ACCESS = {
  dockerConfig: '/nonexistent',
  engine: { host: process.env.DOCKER_HOST, dockerConfig: '/nonexistent' },
}

test('building and loading are timed with the Engine alone, and it keeps no image of it', {
  skip: engineMissing(),
}, async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const { observations, notes } = await measureHere({ store, access: ACCESS, directory, seconds: 10 })
  const steps = new Set(observations.map(({ step }) => step))
  assert.deepEqual([...steps].sort(), ['build', 'copy', 'deliver', 'hash', 'load'], notes.join('\n'))
  assert.deepEqual(await ownImages(), [])
})

test('with a registry all ways are timed, and neither Engine nor registry keep anything', {
  skip: engineMissing() || dockerRegistryMissing(),
}, async (t) => {
  const registry = await startDockerRegistry()
  if (registry === undefined) return
  t.after(() => registry.close())
  const store = await temporaryStore(t)
  const directory = join(await temporaryDirectory(t), 'targets')
  await mkdir(directory)
  const { observations, notes } = await measureHere({
    ...{ store, access: ACCESS, directory, seconds: 20 },
    registry: `${registry.host}/team/measure`,
  })
  const steps = new Set(observations.map(({ step }) => step))
  const expected = ['build', 'copy', 'deliver', 'hash', 'load', 'pull', 'pullCompressed', 'push', 'upload']
  assert.deepEqual([...steps].sort(), expected, notes.join('\n'))
  assert.ok(
    notes.some((note) => /loopback is not your network/.test(note)),
    notes.join('\n'),
  )
  assert.ok(!notes.some((note) => /may be left/.test(note)), notes.join('\n'))
  const tags = await openRepository({ host: registry.host, name: 'team/measure' }).listTags()
  for (const tag of tags) {
    const repository = openRepository({ host: registry.host, name: 'team/measure' })
    assert.equal(await repository.headManifest(tag), undefined)
  }
  assert.deepEqual(await ownImages(), [])
  assert.deepEqual(await readdir(directory), [])
})

/** Of this or an earlier run: what was left would be found by its name, whichever repository it has. */
async function ownImages(): Promise<readonly string[]> {
  const listed = await docker(['images', '--format', '{{.Repository}}:{{.Tag}}'])
  return listed.split('\n').filter((name) => /ballast-measure|team\/measure/.test(name))
}
