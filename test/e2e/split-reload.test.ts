import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask, run, start } from '../fixtures/command.ts'
import { exampleScene } from '../fixtures/example-scene.ts'
import { EXAMPLE_SERVICES, type ExampleService } from '../fixtures/example-services.ts'
import { eventually } from '../fixtures/wait.ts'

for (const service of EXAMPLE_SERVICES) {
  test(`the ${service.name} service has to take a variant, or it is put back`, {
    skip: service.skip,
  }, async (t) => {
    const { target, options, add, served } = await prepare(t, service)
    await add('good')
    const split = await ask<Split>(['split', 'api', 'stable=90', 'canary=10', 'canary=sentiment:2'], options)
    assert.deepEqual(split.proof, { is: 'served' })
    assert.deepEqual(await served(), [1, 2])

    await add('fails')
    const refused = await run(['split', 'api', 'canary=sentiment:3'], options)
    assert.equal(refused.code, 4, refused.stdout)
    assert.match(refused.stderr, /split canary=sentiment:3 was put back: api: .+/)
    assert.deepEqual(await served(), [1, 2])
    const checked = await run(['check', target], options)
    assert.equal(checked.code, 0, checked.stdout)
    assert.match(checked.stdout, /variant canary: sentiment:2, 10 % of keys/)
    assert.match(checked.stdout, /split canary=sentiment:3 was put back: api: .+/)
    const history = await run(['history', target], options)
    assert.match(
      history.stdout,
      /split canary=sentiment:3 +failed: api: .*\n.*canary +2 .*put back +is served/,
    )

    const routed = await run(['route', './models', 'tenant=acme', 'sentiment:3'], options)
    assert.equal(routed.code, 4, routed.stdout)
    const { variants } = await ask<Split>(['split', 'api'], options)
    assert.deepEqual(
      variants.map(({ name, version, tenants }) => [name, version, tenants]),
      [
        ['stable', 'sentiment:1', []],
        ['canary', 'sentiment:2', []],
      ],
    )
    const withdrawn = await ask<Split>(['split', 'api', '--withdraw', 'canary'], options)
    assert.deepEqual(withdrawn.proof, { is: 'served' })
  })
}

test('kill -9 between a change of variants and its proof: the same command judges it', async (t) => {
  const [service] = EXAMPLE_SERVICES
  const { target, options, add, url } = await prepare(t, service)
  await add('never')
  const change = ['split', './models', 'stable=90', 'canary=10', 'canary=sentiment:2']
  const killed = start([...change, '--ready', `GET ${url}/health`, '--within', '60s'], options)
  t.after(killed.kill)
  await eventually(async () =>
    assert.match(
      (await run(['check', target], options)).stdout,
      /whether the application takes .* yet to be proven/,
    ),
  )
  killed.kill()
  await killed.ended
  const judged = await run(change, options)
  assert.equal(judged.code, 4, judged.stdout)
  assert.match(judged.stderr, /was put back: api: not ready after 2 s/)
  assert.match((await run(['split', './models'], options)).stdout, /is not split/)
  assert.match((await run(['check', target], options)).stdout, /was put back: api: not ready after 2 s/)
})

interface Split {
  readonly proof?: { readonly is: string }
  readonly variants: readonly {
    readonly name: string
    readonly version: string
    readonly tenants: readonly string[]
  }[]
}

async function prepare(t: TestContext, service: ExampleService) {
  const { directory, ...scene } = await exampleScene(t, service)
  await writeFile(
    join(directory, 'ballast.yaml'),
    `apps:
  api:
    models: [{ ref: "sentiment:prod", path: /app/models }]
    reload: { ready: "GET ${scene.url}/health", within: 2s }
targets:
  - { ref: "sentiment:prod", to: ./models, follow: true }
`,
  )
  const served = async (): Promise<readonly number[]> => {
    const { variants = [] } = (await (await fetch(`${scene.url}/health`)).json()) as {
      variants?: { number: number }[]
    }
    return variants.map(({ number }) => number)
  }
  return { ...scene, served }
}
