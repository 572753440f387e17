import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { InitResult } from '../../src/workflows/init.ts'
import { ask, run } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { missingParts } from '../fixtures/parts.ts'
import { pluginOrEngineMissing, startPluginEngine, startTestPlugin } from '../fixtures/plugin.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)

test('init finds the place of the model in the history of an image', { skip: engineMissing() }, async (t) => {
  const base = await busyboxImage(t)
  const directory = await temporaryDirectory(t)
  const context = await writeFiles(join(directory, 'context'), {
    Dockerfile: `FROM ${base}\nWORKDIR /srv\nCOPY fraud_model.onnx weights/\n`,
    'fraud_model.onnx': 'x',
  })
  const image = `${uniqueName('ballast-init')}:v1`
  t.after(() => docker(['image', 'rm', '-f', image]))
  await docker(['build', '--quiet', '-t', image, context])
  await mkdir(join(directory, 'app'))
  const options = { cwd: join(directory, 'app'), store: join(directory, 'store') }
  const { app, recognised } = await ask<InitResult>(
    ['init', '--image', image, '--model', 'fraud:prod'],
    options,
  )
  assert.deepEqual(app, { name: 'app', image, ref: 'fraud:prod', path: '/srv/weights' })
  assert.match(recognised[0] ?? '', new RegExp(`/srv/weights +\\(image ${image}: COPY`))
  const absent = await run(['init', '--image', 'not-there:at-all'], options)
  assert.equal(absent.code, 3)
  assert.match(absent.stderr, /docker pull not-there/)
})

test('what init writes for Compose runs: two services, the model by the plugin, and a guard that stops what is not', {
  skip: pluginOrEngineMissing() || missingParts('docker-compose'),
}, async (t) => {
  const engine = await startPluginEngine(t)
  const plugin = await startTestPlugin(t, engine)
  const { image, host } = engine
  const project = uniqueName('ballast-init')
  const service = `{ image: "${image}", network_mode: none, command: [cat, /app/models/model.txt] }`
  const directory = await writeFiles(join(await temporaryDirectory(t), project), {
    'docker-compose.yml': `version: "3.9"\nservices:\n  api: ${service}\n  other: { image: "${image}", network_mode: none }\n`,
    'model/model.txt': 'whole',
  })
  const options = { cwd: directory, store: plugin.store.root }
  const { written } = await ask<InitResult>(['init', '--path', '/app/models', '--model', 'm:prod'], options)
  assert.deepEqual(written, ['ballast.yaml', 'compose.ballast.yaml'])
  const override = join(directory, 'compose.ballast.yaml')
  const text = await readFile(override, 'utf8')
  const compose = (...args: readonly string[]) =>
    exec('docker-compose', ['-f', 'docker-compose.yml', '-f', 'compose.ballast.yaml', ...args], {
      cwd: directory,
      env: { ...process.env, DOCKER_HOST: host },
    })
  t.after(() => compose('down', '-v', '-t', '0').catch(() => undefined))

  const missing = await compose('up', 'api').catch((error) => error)
  assert.match(missing.stderr, /ballast add m/)

  await ask(['add', 'm:prod', './model'], options)
  const { stdout } = await compose('up', '--no-color', 'api')
  assert.match(stdout, /api_1 .*whole/)
  await compose('down', '-v', '-t', '0')

  // An ordinary volume in its place, which Compose fills with nothing.
  await writeFile(override, text.replace(/(?<=_model:)\n {4}driver:[\s\S]*$/, ' {}\n'))
  const stopped = await compose('up', '--no-color', 'api').catch((error) => error)
  assert.doesNotMatch(stopped.stdout, /whole/)
  assert.match(`${stopped.stderr}${stopped.stdout}`, /api-model/)
})
