import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { exportModel } from '../../examples/sentiment/export-model.ts'
import type { SwitchResult } from '../../src/workflows/switch/switch.ts'
import { startBalancer } from '../doubles/balancer.ts'
import { ask, run } from '../fixtures/command.ts'
import { docker, uniqueName } from '../fixtures/engine.ts'
import { nodeExampleImage, nodeExampleMissing } from '../fixtures/node-example.ts'
import { portOf } from '../fixtures/switch.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

test('two replicas under load are switched both ways without a failed request or another version', {
  skip: nodeExampleMissing(),
}, async (t) => {
  const image = await nodeExampleImage(t)
  const directory = await temporaryDirectory(t)
  const options = {
    store: join(directory, 'store'),
    cwd: directory,
    env: { XDG_CACHE_HOME: join(directory, 'cache') },
  }
  await exportModel(join(directory, 'models'), 1)
  const { digest } = await ask<{ digest: string }>(['add', 'sentiment:prod', './models'], options)
  const reload = '{ restart: true, ready: GET http://localhost:8000/health, within: 30s }'
  const models = '[ { ref: sentiment:prod, path: /app/models } ]'
  await writeFile(
    join(directory, 'ballast.yaml'),
    `apps: { api: { image: "${image}", models: ${models}, reload: ${reload} } }\n`,
  )
  const names = [await startReplica(t, { image, options }), await startReplica(t, { image, options })]
  const ports = await Promise.all(names.map(portOf))
  const balancer = await startBalancer(ports.map(Number))
  t.after(balancer.close)
  const load = startLoad(`${balancer.url}/predict?text=what+a+lovely+day`)
  t.after(load.stop)
  await load.reaches(50)
  for (const [at, to] of (['embed', 'mount', 'embed'] as const).entries()) {
    const before = load.answers.length
    const { replaced, bytesMoved } = await ask<SwitchResult>(['switch', 'api', '--to', to], options)
    assert.deepEqual(replaced.map(({ name }) => name).sort(), [...names].sort())
    // Only the first time there is something that the Engine has not got.
    assert.equal(bytesMoved > 0, at === 0)
    await load.reaches(load.answers.length + 20)
    assert.ok(load.answers.length - before > 50, 'there was load meanwhile')
  }
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.deepEqual([...new Set(load.answers)], [digest])
  assert.deepEqual(await Promise.all(names.map(portOf)), ports)
})

async function startReplica(
  t: TestContext,
  {
    image,
    options,
  }: { readonly image: string; readonly options: { readonly store: string; readonly cwd: string } },
): Promise<string> {
  const name = uniqueName('ballast-load')
  t.after(() =>
    docker(['rm', '-f', name, `${name}.ballast-former`, `${name}.ballast-new`]).catch(() => undefined),
  )
  const args = ['-d', '--name', name, '-p', '127.0.0.1:0:8000', image]
  const ran = await run(['run', '--strategy', 'mount', '--', ...args], options)
  assert.equal(ran.code, 0, ran.stderr)
  return name
}

interface Load {
  /** Digests of the versions that have answered. */
  readonly answers: readonly string[]
  readonly failures: readonly string[]
  reaches(count: number): Promise<void>
  stop(): Promise<void>
}

const CLIENTS = 6

function startLoad(url: string): Load {
  const answers: string[] = []
  const failures: string[] = []
  let isStopped = false
  const client = async (): Promise<void> => {
    while (!isStopped) {
      try {
        const answer = await fetch(url)
        const body = (await answer.json()) as { readonly model?: { readonly digest?: string } }
        if (answer.status === 200 && body.model?.digest !== undefined) answers.push(body.model.digest)
        else failures.push(`${answer.status} ${JSON.stringify(body)}`)
      } catch (error) {
        failures.push(String(error))
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const ended = Promise.all(Array.from({ length: CLIENTS }, client))
  return {
    answers,
    failures,
    async reaches(count) {
      const deadline = performance.now() + 60_000
      while (answers.length < count) {
        assert.ok(performance.now() < deadline, `no load: ${failures.slice(-3).join('; ')}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async stop() {
      isStopped = true
      await ended
    },
  }
}
