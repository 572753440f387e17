import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { isBallastError } from '../../core/index.ts'
import { findPullPlaces, type MirrorFiles } from './pull-places.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

async function files(
  t: TestContext,
  { conf, drops = {}, daemon }: { conf?: string; drops?: Record<string, string>; daemon?: string },
): Promise<MirrorFiles> {
  const directory = await temporaryDirectory(t)
  const path = (name: string) => join(directory, name)
  if (conf !== undefined) await writeFile(path('registries.conf'), conf)
  await mkdir(path('d'))
  for (const [name, text] of Object.entries(drops)) await writeFile(join(path('d'), name), text)
  if (daemon !== undefined) await writeFile(path('daemon.json'), daemon)
  return {
    files: [path('absent'), path('registries.conf')],
    directories: [path('no-directory'), path('d')],
    daemons: [path('none.json'), path('daemon.json')],
  }
}

async function placesOf(places: MirrorFiles, text: string, reference = 'latest') {
  const [host = '', ...name] = text.split('/')
  const { mirrors, home, insecure } = await findPullPlaces(places, { host, name: name.join('/'), reference })
  return {
    mirrors: mirrors.map(({ host, name }) => `${host}/${name}`),
    home: `${home.host}/${home.name}`,
    insecure,
  }
}

test('without files, or with nothing in them, a registry is its own', async (t) => {
  const home = { mirrors: [], home: 'ghcr.io/a/b', insecure: false }
  assert.deepEqual(await placesOf(await files(t, {}), 'ghcr.io/a/b'), home)
  const conf = 'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "quay.io"\n'
  assert.deepEqual(await placesOf(await files(t, { conf }), 'ghcr.io/a/b'), home)
})

test('mirrors come in their order, by the longest prefix, each kind of reference for itself', async (t) => {
  const conf = `
[[registry]]
location = "ghcr.io"
[[registry.mirror]]
location = "all.example"
[[registry]]
prefix = "ghcr.io/team"
location = "store.example:5000/ours/"
insecure = true
[[registry.mirror]]
location = "tags.example/cache"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "digests.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "both.example:5000"
`
  const places = await files(t, { conf })
  assert.deepEqual(await placesOf(places, 'ghcr.io/other/app'), {
    mirrors: ['all.example/other/app'],
    home: 'ghcr.io/other/app',
    insecure: false,
  })
  assert.deepEqual(await placesOf(places, 'ghcr.io/team/app', 'v1'), {
    mirrors: ['tags.example/cache/app', 'both.example:5000/app'],
    home: 'store.example:5000/ours/app',
    insecure: false,
  })
  assert.deepEqual((await placesOf(places, 'ghcr.io/team/app', DIGEST)).mirrors, [
    'digests.example/app',
    'both.example:5000/app',
  ])
  assert.deepEqual((await placesOf(places, 'ghcr.io/teams/app')).mirrors, ['all.example/teams/app'])
  assert.deepEqual((await placesOf(places, 'ghcr.io:444/team/app')).mirrors, [])
})

test('a mirror by digest only is asked by digest only', async (t) => {
  const conf =
    '[[registry]]\nlocation = "a.example"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.example"\n'
  const places = await files(t, { conf })
  assert.deepEqual((await placesOf(places, 'a.example/x', 'v1')).mirrors, [])
  assert.deepEqual((await placesOf(places, 'a.example/x', DIGEST)).mirrors, ['m.example/x'])
})

test('a prefix with a star means every host below the domain', async (t) => {
  const conf = `
[[registry]]
prefix = "*.example.com"
[[registry.mirror]]
location = "mirror.internal"
[[registry]]
prefix = "*.blocked.example.com"
blocked = true
`
  const places = await files(t, { conf })
  assert.deepEqual(await placesOf(places, 'eu.example.com:5000/a/b'), {
    mirrors: ['mirror.internal/a/b'],
    home: 'eu.example.com:5000/a/b',
    insecure: false,
  })
  assert.deepEqual((await placesOf(places, 'example.com/a/b')).mirrors, [])
  await assert.rejects(
    placesOf(places, 'x.blocked.example.com/a'),
    (error) => isBallastError(error, 'REFUSED') && /registries\.conf says so/.test(error.hint ?? ''),
  )
})

test('files beside it replace what is said of the same prefix, in the order of their names', async (t) => {
  const conf = '[[registry]]\nlocation = "a.example"\nblocked = true\n'
  const drops = {
    '10-a.conf': '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "first"\n',
    '20-a.conf':
      '[[registry]]\nlocation = "a.example"\ninsecure = true\n[[registry.mirror]]\nlocation = "second"\n',
    'README.md': 'not TOML',
  }
  assert.deepEqual(await placesOf(await files(t, { conf, drops }), 'a.example/x'), {
    mirrors: ['second/x'],
    home: 'a.example/x',
    insecure: true,
  })
})

test("dockerd's mirrors are those of Docker Hub alone, where no other is named for it", async (t) => {
  const daemon = '{"registry-mirrors": ["https://mirror.example/", "http://10.0.0.1:5000"]}'
  const places = await files(t, { daemon })
  assert.deepEqual((await placesOf(places, 'docker.io/python')).mirrors, [
    'mirror.example/library/python',
    '10.0.0.1:5000/library/python',
  ])
  assert.deepEqual((await placesOf(places, 'ghcr.io/a/b')).mirrors, [])
  const conf = '[[registry]]\nprefix = "docker.io/library"\nlocation = "docker.io/library"\n'
  const both = await files(t, {
    daemon,
    conf: `${conf}[[registry.mirror]]\nlocation = "other.example/hub"\n`,
  })
  assert.deepEqual((await placesOf(both, 'index.docker.io/python')).mirrors, ['other.example/hub/python'])
  const { mirrors } = await findPullPlaces(places, { host: 'docker.io', name: 'a/b', reference: 'x' })
  assert.deepEqual(
    mirrors.map(({ plainHttp }) => plainHttp),
    [false, true],
  )
})

test('what cannot be understood is refused, with its file', async (t) => {
  for (const conf of [
    '[[registry]]\n',
    '[[registry]]\nprefix = "a.example"\n',
    '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\n',
    '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "never"\n',
    'registry = "open',
  ]) {
    const places = await files(t, { conf })
    await assert.rejects(
      placesOf(places, 'b.example/x'),
      (error) =>
        isBallastError(error, 'REFUSED') && /registries\.conf cannot be understood/.test(error.message),
    )
  }
  for (const daemon of ['nothing', '{"registry-mirrors": ["mirror.example/path"]}']) {
    await assert.rejects(
      placesOf(await files(t, { daemon }), 'docker.io/x'),
      (error) => isBallastError(error, 'REFUSED') && /daemon\.json/.test(error.message),
    )
  }
})
