import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { serveRegistry } from '../../src/serve/index.ts'
import { openStore } from '../../src/store/index.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { startAzurite } from '../fixtures/buckets/azurite.ts'
import { isMissing } from '../fixtures/buckets/server.ts'
import { ask, type Ran, type RunOptions, run } from '../fixtures/command.ts'
import { failedRules, keyPair, PROD_POLICY, safetensors } from '../fixtures/lifecycle.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = dockerRegistryMissing() ?? false

interface Moved {
  readonly number: number
  readonly by: string
  readonly promotion?: { readonly who: string; readonly why?: string }
}

async function scene(t: TestContext): Promise<RunOptions & { readonly cwd: string; readonly store: string }> {
  const cwd = await temporaryDirectory(t)
  const options = { cwd, store: join(cwd, 'store') }
  for (const name of ['release', 'alice', 'bob']) await keyPair(cwd, name)
  await writeFile(join(cwd, 'policy.yaml'), PROD_POLICY)
  await writeFile(join(cwd, 'metrics.json'), '{"accuracy": 0.93}')
  await writeFiles(join(cwd, 'model'), { 'config.json': '{}', 'model.safetensors': safetensors() })
  await ask(['add', 'sentiment', './model'], options)
  return options
}

/** What of the policy is missing, as the refusal with `--json` has it; the text names each rule and a command for it. */
async function refusedBy(args: readonly string[], options: RunOptions): Promise<readonly string[]> {
  const ran = await run([...args, '--json'], options)
  assert.equal(ran.code, 4, `${ran.stdout}${ran.stderr}`)
  const { error } = JSON.parse(ran.stdout)
  assert.equal(error.code, 'REFUSED')
  const rules = failedRules(error.rules)
  for (const rule of rules) assert.ok(error.hint.includes(`${rule}: wanted `), error.hint)
  return rules
}

function isPromoteInstead(ran: Ran): void {
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(ran.stderr, /promote instead: .*ballast promote /)
}

test('a version goes from add to prod on a registry, and each step that is missing is refused by name', {
  skip,
}, async (t) => {
  const options = await scene(t)
  const registry = await startDockerRegistry()
  assert.ok(registry, 'docker-registry runs')
  t.after(() => registry.close())
  const model = `${registry.host}/models/sentiment`
  await ask(['push', 'sentiment:1', model], options)
  await ask(['policy', 'set', `${model}:prod`, 'policy.yaml', '--key', 'release.key'], options)
  const promote = ['promote', `${model}:1`, 'prod', '--why', 'fewer false alarms']
  assert.deepEqual(await refusedBy(promote, options), ['signed', 'metrics.accuracy', 'approved', 'from'])
  await ask(['sign', `${model}:1`, '--key', 'release.key'], options)
  await ask(['promote', `${model}:1`, 'staging'], options)
  await ask(['attach', `${model}:1`, 'metrics.json', '--meta', 'license=mit'], options)
  await ask(['approve', 'sentiment:1', 'prod', '--key', 'alice.key'], options)
  // What is attached goes along.
  await ask(['push', 'sentiment:1', model], options)
  assert.deepEqual(await refusedBy(promote, options), ['approved'])
  await ask(['approve', `${model}:1`, 'prod', '--key', 'bob.key'], options)
  await ask(promote, options)

  const elsewhere = { ...options, store: join(options.cwd, 'elsewhere') }
  const [move] = await ask<readonly Moved[]>(['history', `${model}:prod`], elsewhere)
  assert.deepEqual([move?.number, move?.by, move?.promotion?.why], [1, 'promote', 'fewer false alarms'])
  await ask(['pull', `${model}:prod`], elsewhere)
  await ask(['mount', `${model}:prod`, './served', '--policy-key', 'release.pub'], elsewhere)

  // A second version that nobody has looked at does not come to prod by any other way.
  await writeFiles(join(options.cwd, 'model'), { 'config.json': '{"second": true}' })
  await ask(['add', 'sentiment', './model'], options)
  await ask(['push', 'sentiment:2', model], options)
  isPromoteInstead(await run(['push', 'sentiment:2', `${model}:prod`], options))
  isPromoteInstead(await run(['tag', `${model}:2`, 'prod'], options))
  isPromoteInstead(await run(['copy', `${model}:2`, `${model}:prod`], options))
  // Another client moves the tag all the same: then nobody is served by it, and its history tells.
  await moveTag(registry.host, { repository: 'models/sentiment', from: '2', to: 'prod' })
  const failed = ['signed', 'metrics.accuracy', 'approved', 'from']
  assert.deepEqual(await refusedBy(['pull', `${model}:prod`], elsewhere), failed)
  assert.deepEqual(await refusedBy(['mount', `${model}:prod`, './other', '--replace'], elsewhere), failed)
  const history = await run(['history', `${model}:prod`], elsewhere)
  assert.equal(history.code, 4)
  assert.match(history.stderr, /was last promoted to sha256:/)
  await ask(['pull', `${model}:2`], elsewhere)
  const back = await ask<{ number: number }>(['rollback', `${model}:prod`, '--why', 'not ours'], options)
  assert.equal(back.number, 1)
  const moves = await ask<readonly Moved[]>(['history', `${model}:prod`], elsewhere)
  assert.deepEqual(
    moves.map(({ number, by, promotion }) => [number, by, promotion?.why]),
    [
      [1, 'promote', 'fewer false alarms'],
      [1, 'rollback', 'not ours'],
    ],
  )

  // Who knows the key of the policy is told when somebody else changes it.
  await writeFile(join(options.cwd, 'weak.yaml'), 'requires: { scanned: true }')
  await ask(['policy', 'set', `${model}:prod`, 'weak.yaml'], options)
  await ask(['pull', `${model}:prod`], elsewhere)
  const weak = await run(['pull', `${model}:prod`, '--policy-key', 'release.pub'], elsewhere)
  assert.equal(weak.code, 4)
  assert.match(weak.stderr, /it is not signed/)
})

test('the registry of a store gives out nothing by the name of a stage that does not keep its policy, and lets nobody move it', async (t) => {
  const options = await scene(t)
  await ask(['policy', 'set', 'sentiment:latest', 'policy.yaml'], options)
  const store = await openStore(options.store)
  const server = await serveRegistry(store, { listen: { host: '127.0.0.1', port: 0 }, log: () => undefined })
  t.after(() => server.close())
  const at = (tag: string): string => `${server.url}/v2/sentiment/manifests/${tag}`
  const answer = await fetch(at('latest'))
  assert.equal(answer.status, 403)
  assert.match(await answer.text(), /does not keep the policy of sentiment:latest: signed, metrics.accuracy/)
  assert.equal((await fetch(at('latest'), { method: 'HEAD' })).status, 403)
  const byNumber = await fetch(at('1'))
  assert.equal(byNumber.status, 200)
  const type = byNumber.headers.get('content-type') ?? ''
  const manifest = Buffer.from((await byNumber.text()).replace('"mtime":"1970', '"mtime":"1971'))
  await ask(['policy', 'set', 'sentiment:prod', 'policy.yaml'], options)
  const put = await fetch(at('prod'), { method: 'PUT', headers: { 'content-type': type }, body: manifest })
  assert.equal(put.status, 403)
  assert.match(await put.text(), /moves only by promotion/)

  // Who knows the key of policies gives out no model by the name of a stage whose policy was taken away.
  await ask(['policy', 'remove', 'sentiment:latest'], options)
  assert.equal((await fetch(at('latest'))).status, 200)
  const policyKeys = [await readFile(join(options.cwd, 'release.pub'), 'utf8')]
  const knowing = await serveRegistry(await openStore(options.store, { policyKeys }), {
    listen: { host: '127.0.0.1', port: 0 },
    log: () => undefined,
  })
  t.after(() => knowing.close())
  const answers = ['latest', '1'].map((tag) => fetch(`${knowing.url}/v2/sentiment/manifests/${tag}`))
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status }) => status),
    [403, 200],
  )
})

const bucket = await startAzurite()
if (!isMissing(bucket)) after(() => bucket.close())

test('a bucket keeps the policies and histories of its stages as a store does', {
  skip: isMissing(bucket) ? bucket.missing : false,
}, async (t) => {
  const own = await scene(t)
  const options = { ...own, env: isMissing(bucket) ? {} : bucket.env }
  const model = 'az://models/lifecycle/sentiment'
  await writeFile(join(own.cwd, 'policy.yaml'), 'requires: { signed: { by: [release.pub] }, scanned: true }')
  await ask(['push', 'sentiment:1', `${model}:candidate`], options)
  await ask(['policy', 'set', `${model}:prod`, 'policy.yaml'], options)
  assert.deepEqual(await refusedBy(['promote', `${model}:1`, 'prod'], options), ['signed'])
  isPromoteInstead(await run(['tag', `${model}:1`, 'prod'], options))
  isPromoteInstead(await run(['push', 'sentiment:1', `${model}:prod`], options))
  await ask(['sign', `${model}:1`, '--key', 'release.key'], options)
  await ask(['promote', `${model}:candidate`, 'prod', '--why', 'first'], options)
  const [move] = await ask<readonly Moved[]>(['history', `${model}:prod`], options)
  assert.deepEqual([move?.number, move?.by, move?.promotion?.why], [1, 'promote', 'first'])
  await ask(['pull', `${model}:prod`], { ...options, store: join(own.cwd, 'elsewhere') })
})

/** As any client of a registry can. */
async function moveTag(
  host: string,
  { repository, from, to }: { readonly repository: string; readonly from: string; readonly to: string },
): Promise<void> {
  const at = (tag: string): string => `http://${host}/v2/${repository}/manifests/${tag}`
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await (await fetch(at(from), { headers: { accept: type } })).arrayBuffer()
  const answer = await fetch(at(to), { method: 'PUT', headers: { 'content-type': type }, body: manifest })
  assert.equal(answer.status, 201)
}
