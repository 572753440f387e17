import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SwitchResult } from '../../src/workflows/switch/switch.ts'
import { ask } from '../fixtures/command.ts'
import { docker, uniqueName } from '../fixtures/engine.ts'
import { buildPythonExample, EXAMPLE, exampleMissing, predictions } from '../fixtures/python-example.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

test('the Python example, which knows nothing of Ballast, is switched both ways from each way in which its model comes', {
  skip: exampleMissing(),
}, async (t) => {
  const { directory, baked, plain } = await buildPythonExample(
    t,
    join(await temporaryDirectory(t), 'example'),
  )
  const options = {
    store: join(directory, 'store'),
    cwd: directory,
    env: { XDG_CACHE_HOME: join(directory, 'cache') },
  }
  const serve = await readFile(join(EXAMPLE, 'serve.py'), 'utf8')
  await ask(['add', 'sentiment:prod', './models'], options)
  const ways = [
    { image: plain, args: ['-v', `${directory}/models:/app/models:ro`], order: ['embed', 'mount'] },
    { image: baked, args: [], order: ['mount', 'embed', 'mount'] },
    { image: baked, args: [], order: ['embed', 'mount'] },
  ] as const
  for (const [at, { image, args, order }] of ways.entries()) {
    const app = `app-${at}`
    const models = '[ { ref: sentiment:prod, path: /app/models } ]'
    await writeFile(
      join(directory, 'ballast.yaml'),
      `apps: { ${app}: { image: "${image}", models: ${models}, strategy: { dev: auto } } }\n`,
    )
    const name = uniqueName('ballast-python')
    t.after(() => docker(['rm', '-f', name]).catch(() => undefined))
    await docker(['run', '-d', '--network', 'none', '--name', name, ...args, image])
    const before = await predictions(name)
    for (const to of order) {
      const { replaced, warnings } = await ask<SwitchResult>(['switch', app, '--to', to], options)
      assert.deepEqual([replaced.map((one) => one.name), warnings], [[name], []], `${image} to ${to}`)
      assert.deepEqual(await predictions(name), before)
      assert.equal(await docker(['exec', name, 'cat', '/app/serve.py']), serve.trim())
      assert.match(await readFile(join(directory, 'ballast.yaml'), 'utf8'), new RegExp(`dev: ${to}`))
      const [checked] = await ask<readonly { version: string; faults: readonly string[] }[]>(
        ['check', `container:${name}:/app/models`],
        options,
      )
      assert.deepEqual([checked?.version, checked?.faults], ['sentiment:1', []])
    }
    await docker(['rm', '-f', name])
  }
})
