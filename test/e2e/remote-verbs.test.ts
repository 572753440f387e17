import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = dockerRegistryMissing() ?? false

interface Listed {
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
  readonly files: number
}

interface Shown {
  readonly number: number | null
  readonly digest: string
  readonly tags: readonly string[]
  readonly contents: readonly { readonly path: string; readonly size: number }[]
}

for (const place of ['a registry', 'a layout'] as const) {
  test(`what is pushed to ${place} is listed, shown and tagged there, without fetching it`, {
    skip: place === 'a registry' && skip,
  }, async (t) => {
    const cwd = await temporaryDirectory(t)
    const registry = place === 'a registry' ? await startDockerRegistry() : undefined
    t.after(() => registry?.close())
    const model = registry === undefined ? `oci:${cwd}/models` : `${registry.host}/team/sentiment`
    const options = { store: join(cwd, 'store'), cwd }
    const elsewhere = { store: join(cwd, 'elsewhere'), cwd }
    for (const version of ['1', '2']) {
      await writeFiles(join(cwd, 'model'), { 'config.json': version, 'weights.bin': 'w' })
      await ask(['add', 'sentiment', './model'], options)
      await ask(['push', `sentiment:${version}`, model], options)
    }
    await ask(['tag', `${model}:1`, 'prod'], elsewhere)
    const listed = await ask<readonly Listed[]>(['list', model], elsewhere)
    assert.deepEqual(
      listed.map(({ ref, tags, files }) => [ref, tags, files]),
      [
        [`${model}:1`, ['prod'], 2],
        [`${model}:2`, [], 2],
      ],
    )
    const shown = await ask<Shown>(['show', `${model}:prod`], elsewhere)
    assert.deepEqual([shown.number, shown.digest, shown.tags], [1, listed[0]?.digest, ['prod']])
    assert.deepEqual(
      shown.contents.map(({ path, size }) => [path, size]),
      [
        ['config.json', 1],
        ['weights.bin', 1],
      ],
    )
    await ask(['tag', `${model}:2`, `${model}:prod`], elsewhere)
    assert.equal((await ask<Shown>(['show', `${model}:prod`], elsewhere)).number, 2)

    const fails = async (args: readonly string[], code: number, message: RegExp): Promise<void> => {
      const ran = await run(args, elsewhere)
      assert.equal(ran.code, code, ran.stderr)
      assert.match(ran.stderr, message)
    }
    await fails(['tag', `${model}:2`, '7'], 5, /numbers never move/)
    await fails(['show', `${model}:none`], 3, /there is: /)
    await fails(['list', `${model}:1`], 2, /names one version/)
    await fails(['tag', `${model}:2`, 'localhost:1/other:prod'], 2, /is no tag of/)
  })
}
