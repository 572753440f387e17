import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openLayout } from '../../src/oci/index.ts'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask } from '../fixtures/command.ts'
import { putIndex } from '../fixtures/image-index.ts'
import type { BaseEntry } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const run = promisify(execFile)
const skip = missingParts('docker-registry', 'skopeo')
const CODE: readonly BaseEntry[] = [{ path: 'app/' }, { path: 'app/main.py', text: 'print(1)' }]

interface Made {
  readonly digest: string
  readonly platforms: readonly string[]
  readonly bytesSent: number
  readonly former: string | null
}

test('an index goes through embed, swap, rebase and rollback as a whole, and skopeo copies every platform of it', {
  skip,
}, async (t) => {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const cwd = await temporaryDirectory(t)
  const options = { store: join(cwd, 'store'), cwd }
  const layout = await openLayout(join(cwd, 'layout'), { create: true })
  await putIndex(t, layout, { tag: 'build-1', layers: [CODE], attested: false })
  await putIndex(t, layout, {
    tag: 'build-2',
    layers: [[...CODE, { path: 'app/new.py', text: 'print(2)' }]],
    attested: false,
  })
  const app = `${registry.host}/app`
  for (const tag of ['build-1', 'build-2']) {
    const to = `docker://${app}:${tag}`
    await run('skopeo', ['copy', '--all', '-q', '--dest-tls-verify=false', `oci:${cwd}/layout:${tag}`, to])
  }
  await writeFiles(join(cwd, 'model'), { 'weights.bin': Buffer.alloc(3_000_000, 1), 'config.json': '{}' })
  await ask(['add', 'sentiment', './model'], options)
  const first = await ask<Made>(
    ['embed', 'sentiment=/app/models', `${app}:build-1`, '-t', `${app}:prod`],
    options,
  )
  assert.deepEqual(first.platforms, ['linux/amd64', 'linux/arm64'])
  await writeFiles(join(cwd, 'model'), { 'config.json': '{"v":2}' })
  await ask(['add', 'sentiment', './model'], options)
  const swapped = await ask<Made>(['embed', 'sentiment', `${app}:prod`, '-t', `${app}:prod`], options)
  assert.ok(swapped.former?.endsWith('prod.was-1'))

  // Without the versions in the store, and without the bytes of the model.
  const elsewhere = { store: join(cwd, 'elsewhere'), cwd }
  const rebased = await ask<Made>(['rebase', `${app}:prod`, `${app}:build-2`], elsewhere)
  assert.deepEqual(rebased.platforms, first.platforms)
  assert.ok(rebased.bytesSent < 30_000, `${rebased.bytesSent} bytes sent`)

  const copied = join(cwd, 'copied')
  const from = `docker://${app}:prod`
  await run('skopeo', ['copy', '--all', '-q', '--src-tls-verify=false', from, `oci:${copied}:prod`])
  const results = await ask<readonly { version: string; faults: readonly string[] }[]>(
    ['check', '--full', `oci:${copied}:prod`],
    options,
  )
  assert.deepEqual(
    results.map(({ version, faults }) => [version, faults.length]),
    [
      ['sentiment:2', 0],
      ['sentiment:2', 0],
    ],
  )
  await ask(['rollback', `${app}:prod`], options)
  const { stdout } = await run('skopeo', ['inspect', '--raw', '--tls-verify=false', from])
  assert.equal(JSON.parse(stdout).manifests.length, 2)
  const moves = await ask<readonly { tag: string; by: string; digest: string }[]>(
    ['history', `${app}:prod`],
    options,
  )
  assert.deepEqual([moves.at(-1)?.digest, moves.at(-1)?.by], [swapped.digest, 'embed sentiment:2'])
})
