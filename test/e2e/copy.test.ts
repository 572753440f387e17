import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createStoreStorage, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, run } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { randomModel } from '../fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)

interface Copied {
  readonly ref: string
  readonly digest: string
  readonly number?: number
  readonly tag?: string
  readonly bytesSent: number
  readonly attached: number
  readonly blobs: readonly { readonly how: string }[]
}

async function dockerRegistry(t: TestContext): Promise<string> {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  return registry.host
}

async function ownRegistry(t: TestContext): Promise<string> {
  const store = await openStore(join(await temporaryDirectory(t), 'served'))
  const registry = await startRegistry({ storage: createStoreStorage(store) })
  t.after(() => registry.close())
  return registry.host
}

/** A pushed version that has metrics attached. */
async function pushed(t: TestContext, remote: string): Promise<{ readonly digest: string }> {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  await writeFiles(join(directory, 'model'), randomModel('copied'))
  await writeFile(join(directory, 'metrics.json'), '{"accuracy":0.9}')
  await ask(['add', 'sentiment', join(directory, 'model')], { store })
  await ask(['attach', 'sentiment', join(directory, 'metrics.json')], { store })
  return ask(['push', 'sentiment', remote], { store })
}

const skip = dockerRegistryMissing()

test('between registries, with the number and what is attached, whichever API the registries have', {
  skip,
}, async (t) => {
  const [first, second, third] = [await dockerRegistry(t), await ownRegistry(t), await dockerRegistry(t)]
  const { digest } = await pushed(t, `${first}/sentiment:prod`)
  const there = await ask<Copied>(['copy', `${first}/sentiment:prod`, `${second}/team/sentiment`])
  assert.deepEqual([there.digest, there.number, there.tag], [digest, 1, `${second}/team/sentiment:prod`])
  assert.ok(there.attached >= 2)
  const back = await ask<Copied>(['copy', `${second}/team/sentiment:1`, `${third}/sentiment:candidate`])
  assert.deepEqual([back.digest, back.attached], [digest, there.attached])
  const again = await ask<Copied>(['copy', `${second}/team/sentiment:1`, `${third}/sentiment:candidate`])
  assert.equal(again.bytesSent, 0)
  const store = join(await temporaryDirectory(t), 'store')
  const pulled = await ask<Copied>(['pull', `${third}/sentiment:candidate`], { store })
  assert.deepEqual([pulled.digest, pulled.attached], [digest, there.attached])
  assert.equal((await run(['copy', `${first}/sentiment:prod`, `${second}/team/sentiment:9`])).code, 5)
  assert.equal((await run(['copy', `${first}/sentiment:nowhere`, `${second}/team/sentiment`])).code, 3)
})

test('within a registry blobs are mounted', { skip }, async (t) => {
  const host = await dockerRegistry(t)
  await pushed(t, `${host}/sentiment:prod`)
  const copied = await ask<Copied>(['copy', `${host}/sentiment:prod`, `${host}/production/sentiment`])
  assert.equal(copied.bytesSent, 0)
  assert.ok(copied.blobs.every(({ how }) => how === 'mounted'))
})

test('an image goes through unchanged', { skip: skip ?? missingParts('skopeo') }, async (t) => {
  const host = await dockerRegistry(t)
  const layout = join(await temporaryDirectory(t), 'image')
  await writeImageLayout(layout, {
    tag: 'v1',
    layers: [[{ path: 'app/' }, { path: 'app/main.py', text: 'x' }]],
  })
  const there = await ask<Copied>(['copy', `oci:${layout}:v1`, `${host}/app`])
  assert.equal(there.tag, `${host}/app:v1`)
  const raw = await exec('skopeo', ['inspect', '--raw', `oci:${layout}:v1`])
  const remote = ['inspect', '--raw', '--tls-verify=false', `docker://${host}/app:v1`]
  assert.equal((await exec('skopeo', remote)).stdout, raw.stdout)
  const digest = await ask<Copied>(['copy', `${host}/app@${there.digest}`, `${host}/other:v2`])
  assert.equal(digest.digest, there.digest)
})
