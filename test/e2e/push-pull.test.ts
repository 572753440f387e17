import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createStoreStorage, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, run } from '../fixtures/command.ts'
import { missingParts } from '../fixtures/parts.ts'
import { randomModel } from '../fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)

interface Pushed {
  readonly ref: string
  readonly digest: string
  readonly number: number
  readonly tag?: string
  readonly bytesSent: number
  readonly attached: number
  readonly blobs: readonly { readonly digest: string; readonly how: string }[]
}

interface Pulled {
  readonly ref: string
  readonly digest: string
  readonly number: number
  readonly tag?: string
  readonly newBytes: number
  readonly attached: number
}

interface World {
  readonly directory: string
  /** Where the versions are added. */
  readonly store: string
  /** Another host's. */
  readonly other: string
  readonly host: string
  readonly add: (name: string, seed: string) => Promise<{ readonly digest: string }>
}

/** The registries that a version is to come through unchanged. */
const REGISTRIES: readonly {
  readonly name: string
  readonly skip: string | undefined
  readonly start: (t: TestContext) => Promise<string>
}[] = [
  {
    name: 'docker-registry',
    skip: dockerRegistryMissing(),
    async start(t) {
      const registry = await startDockerRegistry()
      assert.ok(registry)
      t.after(() => registry.close())
      return registry.host
    },
  },
  {
    name: "a store's own registry",
    skip: undefined,
    async start(t) {
      const store = await openStore(join(await temporaryDirectory(t), 'served'))
      const registry = await startRegistry({ storage: createStoreStorage(store) })
      t.after(() => registry.close())
      return registry.host
    },
  },
]

async function createWorld(t: TestContext, host: string): Promise<World> {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  return {
    directory,
    store,
    other: join(directory, 'other'),
    host,
    async add(name, seed) {
      const source = join(directory, `model-${seed}`)
      await writeFiles(source, randomModel(seed))
      return ask(['add', name, source], { store })
    },
  }
}

for (const { name, skip, start } of REGISTRIES) {
  describe(`push and pull through ${name}`, { skip }, () => {
    test('a version keeps its bytes, digest and number, and takes along what is attached to it', async (t) => {
      const { directory, store, other, host, add } = await createWorld(t, await start(t))
      const [first, second] = [await add('sentiment', 'one'), await add('sentiment', 'two')]
      const metrics = join(directory, 'metrics.json')
      await writeFile(metrics, '{"accuracy":0.93}')
      await ask(['attach', 'sentiment:2', metrics], { store })
      await ask(['tag', 'sentiment:2', 'prod'], { store })

      const pushed = await ask<Pushed>(['push', 'sentiment:prod', `${host}/team/sentiment`], { store })
      assert.equal(pushed.digest, second.digest)
      assert.equal(pushed.ref, `${host}/team/sentiment:2`)
      assert.equal(pushed.tag, `${host}/team/sentiment:prod`)
      assert.ok(pushed.attached >= 2)

      const pulled = await ask<Pulled>(['pull', `${host}/team/sentiment:prod`, 'sentiment'], { store: other })
      assert.deepEqual(
        [pulled.ref, pulled.digest, pulled.tag],
        ['sentiment:2', second.digest, 'sentiment:prod'],
      )
      assert.equal(pulled.attached, pushed.attached)
      const shown = await ask<{ readonly metrics: readonly { readonly figures: object }[] }>(
        ['show', 'sentiment:prod'],
        { store: other },
      )
      assert.equal(shown.metrics.length, 1)
      assert.equal((await run(['verify'], { store: other })).code, 0)

      await ask(['push', 'sentiment:1', `${host}/team/sentiment`], { store })
      const former = await ask<Pulled>(['pull', `${host}/team/sentiment:1`, 'sentiment'], { store: other })
      assert.deepEqual([former.ref, former.digest, former.tag], ['sentiment:1', first.digest, undefined])
      const next = await ask<{ readonly ref: string }>(
        ['add', 'sentiment', join(directory, 'metrics.json')],
        { store: other },
      )
      assert.equal(next.ref, 'sentiment:3', 'numbers go on behind the highest that came')
    })

    test('what is there is not moved again', async (t) => {
      const { store, other, host, add } = await createWorld(t, await start(t))
      await add('sentiment', 'one')
      const remote = `${host}/sentiment:candidate`
      assert.ok((await ask<Pushed>(['push', 'sentiment', remote], { store })).bytesSent > 0)
      const again = await ask<Pushed>(['push', 'sentiment', remote], { store })
      assert.equal(again.bytesSent, 0)
      assert.ok(again.blobs.every(({ how }) => how === 'exists'))
      assert.ok((await ask<Pulled>(['pull', remote], { store: other })).newBytes > 0)
      assert.equal((await ask<Pulled>(['pull', remote], { store: other })).newBytes, 0)
    })

    test('a number that clashes is a conflict, on both sides, before a byte is moved', async (t) => {
      const { store, other, host, add, directory } = await createWorld(t, await start(t))
      await add('sentiment', 'one')
      await ask(['push', 'sentiment', `${host}/sentiment`], { store })
      await writeFiles(join(directory, 'mine'), randomModel('mine'))
      await ask(['add', 'sentiment', join(directory, 'mine')], { store: other })
      const pushed = await run(['push', 'sentiment', `${host}/sentiment`], { store: other })
      assert.equal(pushed.code, 5, pushed.stderr)
      assert.match(pushed.stderr, /sentiment:1 is another version/)
      const pulled = await run(['pull', `${host}/sentiment`], { store: other })
      assert.equal(pulled.code, 5, pulled.stderr)
      assert.match(pulled.stderr, /sentiment:1 is another version here/)
      assert.equal(
        (await ask<Pulled>(['pull', `${host}/sentiment`, 'theirs'], { store: other })).ref,
        'theirs:1',
      )
      const chosen = await run(['push', 'sentiment:1', `${host}/sentiment:7`], { store })
      assert.equal(chosen.code, 5, chosen.stderr)
    })

    test('what is wrong is said, with what there is', async (t) => {
      const { store, other, host, add } = await createWorld(t, await start(t))
      await add('sentiment', 'one')
      await ask(['push', 'sentiment', `${host}/sentiment:prod`], { store })
      const missing = await run(['pull', `${host}/sentiment:staging`], { store: other })
      assert.equal(missing.code, 3)
      assert.match(missing.stderr, /there is: 1, prod/)
      const local = await run(['push', 'sentiment', 'sentiment:prod'], { store })
      assert.equal(local.code, 2)
      assert.match(local.stderr, /HOST\/NAME/)
      const digest = await run(['push', 'sentiment', `${host}/sentiment@sha256:${'0'.repeat(64)}`], { store })
      assert.equal(digest.code, 2)
    })
  })
}

test('through a directory in the layout of OCI, which other tools read', {
  skip: missingParts('skopeo'),
}, async (t) => {
  const { directory, store, other, add } = await createWorld(t, '')
  const { digest } = await add('sentiment', 'one')
  const layout = join(directory, 'carry')
  await ask(['push', 'sentiment', `oci:${layout}:prod`], { store })
  const { stdout } = await exec('skopeo', ['inspect', '--raw', `oci:${layout}:prod`])
  assert.equal(JSON.parse(stdout).artifactType, 'application/vnd.cncf.model.manifest.v1+json')
  const pulled = await ask<Pulled>(['pull', `oci:${layout}:prod`, 'sentiment'], { store: other })
  assert.equal(pulled.digest, digest)
  assert.equal(pulled.ref, 'sentiment:1')
  assert.ok(JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')).manifests.length >= 2)
})
