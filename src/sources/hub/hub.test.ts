import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gitSha, HUB_TOKEN, type HubDouble, startHub } from '../../../test/doubles/hub.ts'
import { createRandom } from '../../../test/fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../../../test/fixtures/temporary.ts'
import { testSource } from '../../../test/suites/source.ts'
import {
  type BallastError,
  digestOf,
  type ErrorCode,
  hexOf,
  isBallastError,
  readAll,
} from '../../core/index.ts'
import type { Listing } from '../source.ts'
import { parseHubAddress } from './address.ts'
import { openHubSource } from './hub.ts'

testSource({
  kind: 'Hub',
  mostFiles: 10,
  async open(t, contents) {
    const hub = await startHub(t)
    hub.commit({ name: 'org/model', files: contents })
    let files = contents
    return {
      source: openHubSource({ address: 'hf://org/model', access: hub }),
      async replace(path, data) {
        files = { ...files, [path]: data }
        hub.commit({ name: 'org/model', files })
      },
    }
  },
  async openMissing(t) {
    return openHubSource({ address: 'hf://org/nothing', access: await startHub(t) })
  },
})

const random = createRandom('hub')
const SHARDS = {
  'config.json': Buffer.from('{}'),
  'model-00001-of-00002.safetensors': random.bytes(50_000),
  'model-00002-of-00002.safetensors': random.bytes(60_000),
  'model.safetensors.index.json': Buffer.from('{"weight_map":{}}'),
  'onnx/model.onnx': random.bytes(20_000),
}
const REPOSITORY = { name: 'org/model', files: SHARDS }

function listed(hub: HubDouble, address = 'hf://org/model', more: object = {}): Promise<Listing> {
  return openHubSource({ address, access: { endpoint: hub.endpoint, ...more } }).list()
}

async function refused(work: Promise<unknown>, code: ErrorCode): Promise<BallastError> {
  const error = await work.then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  )
  if (!isBallastError(error, code)) throw error
  assert.ok(error.hint, error.message)
  return error
}

test('large files have their SHA-256, small ones what git calls them', async (t) => {
  const hub = await startHub(t)
  const commit = hub.commit(REPOSITORY)
  const { revision, files } = await listed(hub)
  assert.equal(revision, commit)
  const checksums = Object.fromEntries(files.map(({ path, checksums }) => [path, checksums]))
  const shard = SHARDS['model-00001-of-00002.safetensors']
  assert.deepEqual(checksums['model-00001-of-00002.safetensors'], [
    { algorithm: 'sha256', value: hexOf(digestOf(shard)) },
  ])
  assert.deepEqual(checksums['config.json'], [
    { algorithm: 'sha1', value: gitSha(SHARDS['config.json']), prefix: 'blob 2\0' },
  ])
})

test('a directory and a single file of a repository', async (t) => {
  const hub = await startHub(t)
  hub.commit(REPOSITORY)
  for (const address of [
    'hf://org/model/onnx',
    'hf://org/model/onnx/',
    'hf://org/model@main/onnx/model.onnx',
  ]) {
    assert.deepEqual(
      (await listed(hub, address)).files.map(({ path }) => path),
      ['model.onnx'],
    )
  }
  await refused(listed(hub, 'hf://org/model/tensorflow'), 'NOT_FOUND')
})

test('a commit is what it was, and a file that another commit has too is the same one', async (t) => {
  const hub = await startHub(t)
  const first = hub.commit(REPOSITORY)
  const before = await listed(hub)
  hub.commit({ ...REPOSITORY, files: { ...SHARDS, 'config.json': Buffer.from('{"a":1}') } })
  const [pinned, after] = [await listed(hub, `hf://org/model@${first}`), await listed(hub)]
  assert.deepEqual(
    pinned.files.map(({ identity }) => identity),
    before.files.map(({ identity }) => identity),
  )
  const same = after.files.filter(({ identity }) => before.files.some((file) => file.identity === identity))
  assert.deepEqual(
    same.map(({ path }) => path),
    Object.keys(SHARDS).filter((path) => path !== 'config.json'),
  )
})

test('the token goes to the Hub, and not to where it keeps large files', async (t) => {
  const hub = await startHub(t)
  hub.commit({ ...REPOSITORY, isPrivate: true })
  const directory = await writeFiles(await temporaryDirectory(t), { token: `${HUB_TOKEN}\n` })
  for (const access of [{ token: HUB_TOKEN }, { tokenFile: `${directory}/token` }]) {
    const { files } = await listed(hub, 'hf://org/model', access)
    for (const { path, content } of files) {
      const bytes = await readAll(content.open(), 100_000)
      assert.ok(bytes.equals(SHARDS[path as keyof typeof SHARDS]))
    }
  }
})

test('what the Hub does not show is told with the token that it was asked with', async (t) => {
  const hub = await startHub(t)
  hub.commit({ ...REPOSITORY, isPrivate: true })
  hub.commit({ ...REPOSITORY, name: 'org/gated', isGated: true })
  hub.commit({ ...REPOSITORY, name: 'org/open' })
  assert.match((await refused(listed(hub), 'NOT_FOUND')).hint ?? '', /private.*without a token/)
  const wrong = await refused(listed(hub, 'hf://org/open', { token: 'hf_expired-token' }), 'UNAUTHORIZED')
  assert.match(wrong.hint ?? '', /HF_TOKEN/)
  assert.doesNotMatch(`${wrong.message} ${wrong.hint}`, /hf_expired/)
  const revision = await refused(listed(hub, 'hf://org/open@v9'), 'NOT_FOUND')
  assert.match(revision.message, /no revision "v9"/)
  const { files } = await listed(hub, 'hf://org/gated')
  const large = files.find(({ path }) => path.endsWith('.onnx'))
  assert.ok(large)
  const gated = await refused(readAll(large.content.open(), 100_000), 'UNAUTHORIZED')
  assert.match(gated.message, /org\/gated is gated/)
  assert.match(gated.hint ?? '', /accept its conditions/)
})

test('an existing cache of the Hub is told of', async (t) => {
  const hub = await startHub(t)
  hub.commit(REPOSITORY)
  const shard = SHARDS['model-00001-of-00002.safetensors']
  const cache = await writeFiles(await temporaryDirectory(t), {
    [`models--org--model/blobs/${hexOf(digestOf(shard))}`]: shard,
    [`models--org--model/blobs/${gitSha(SHARDS['config.json'])}`]: 'of another size',
  })
  const { files } = await listed(hub, 'hf://org/model', { cache })
  assert.deepEqual(
    files.filter(({ local }) => local !== undefined).map(({ path }) => path),
    ['model-00001-of-00002.safetensors'],
  )
})

test('a listing that is none, and a name that leads out, are refused', async (t) => {
  const hub = await startHub(t)
  hub.commit({ name: 'org/model', files: { '../../etc/passwd': Buffer.from('x') } })
  await assert.rejects(listed(hub), { code: 'REFUSED', message: /unsafe file name/ })
})

for (const [address, expected] of [
  ['hf://gpt2', ['models', 'gpt2', undefined, '']],
  ['hf://org/m', ['models', 'org/m', undefined, '']],
  ['hf://org/m@v1.0/a/b.bin', ['models', 'org/m', 'v1.0', 'a/b.bin']],
  ['hf://org/m@refs/pr/3/a', ['models', 'org/m', 'refs/pr/3', 'a']],
  ['hf://datasets/org/d@main', ['datasets', 'org/d', 'main', '']],
] as const) {
  test(`the address ${address}`, () => {
    const { kind, repository, revision, path } = parseHubAddress(address)
    assert.deepEqual([kind, repository, revision, path], expected)
  })
}

for (const address of ['hf://', 'hf:///x', 'hf://../..', 'hf://org/../x', 'hf://a b/c']) {
  test(`${address} is no address of a repository`, () => {
    assert.throws(
      () => parseHubAddress(address),
      (error) => isBallastError(error, 'USAGE'),
    )
  })
}
