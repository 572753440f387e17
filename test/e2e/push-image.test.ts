import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { dockerRegistryMissing } from '../doubles/docker-registry.ts'
import { ask, run } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { registryScene } from '../fixtures/registry-scene.ts'

const exec = promisify(execFile)

interface Pushed {
  readonly digest: string
  readonly path: string
  readonly pod: string
  readonly bytesSent: number
  readonly layers: readonly { readonly digest: string; readonly how: string }[]
}

test('an image of a model alone: for two platforms, mountable, and of the layers that embed adds', {
  skip: dockerRegistryMissing() ?? missingParts('skopeo', 'umoci'),
}, async (t) => {
  const contents = { 'weights.bin': 'w'.repeat(10_000), 'sub/a.txt': 'a' }
  const { directory, store, host } = await registryScene(t, { name: 'team/sentiment', contents })

  const pushed = await ask<Pushed>(['push', 'team/sentiment', `${host}/models/sentiment`, '--image'], {
    store,
  })
  assert.equal(pushed.path, '/models/sentiment')
  assert.match(pushed.pod, new RegExp(`reference: "${host}/models/sentiment@${pushed.digest}"`))
  const from = `docker://${host}/models/sentiment:latest`
  for (const architecture of ['amd64', 'arm64']) {
    const layout = join(directory, architecture)
    const platform = ['--override-arch', architecture, '--src-tls-verify=false']
    await exec('skopeo', ['copy', '-q', ...platform, from, `oci:${layout}:x`])
    const rootfs = join(directory, `${architecture}-rootfs`)
    await mkdir(rootfs)
    await exec('umoci', ['unpack', '--rootless', '--image', `${layout}:x`, rootfs])
    const file = join(rootfs, 'rootfs', 'models', 'sentiment', 'weights.bin')
    assert.equal(await readFile(file, 'utf8'), 'w'.repeat(10_000))
  }

  const base = join(directory, 'base')
  await writeImageLayout(base, { tag: 'base', layers: [[{ path: 'app/' }]] })
  const to = `${host}/models/sentiment:app`
  const embedded = await ask<Pushed>(['embed', 'team/sentiment=/app/models', `oci:${base}:base`, '-t', to], {
    store,
  })
  const model = pushed.layers[0]?.digest
  assert.equal(embedded.layers.find(({ digest }) => digest === model)?.how, 'exists')

  await ask(['push', 'team/sentiment', `${host}/files/sentiment`], { store })
  const taken = await run(['push', 'team/sentiment', `${host}/files/sentiment`, '--image'], { store })
  assert.equal(taken.code, 5, taken.stderr)
})
