import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { TargetStatus } from '../../src/serve/index.ts'
import { startHub } from '../doubles/hub.ts'
import { startMoto } from '../fixtures/buckets/moto.ts'
import { isMissing } from '../fixtures/buckets/server.ts'
import { ask, start } from '../fixtures/command.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

const moto = await startMoto()
if (!isMissing(moto)) after(() => moto.close())
const skip = isMissing(moto) ? moto.missing : undefined

/** Below which each test has its own models. */
const ROOTS = 's3://models/team'
let roots = 0

const random = createRandom('serve-follow-from')

interface World {
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  readonly remote: string
  /** A new version of the bucket's tag. */
  readonly push: (bytes: Buffer) => Promise<void>
  readonly delivered: (path: string) => Promise<Buffer>
}

async function world(t: TestContext, more: Readonly<Record<string, string>> = {}): Promise<World> {
  const directory = await temporaryDirectory(t)
  const env = { ...(isMissing(moto) ? {} : moto.env), ...more }
  const remote = `${ROOTS}-${++roots}/sentiment:prod`
  const elsewhere = { store: join(directory, 'elsewhere'), env }
  return {
    directory,
    env,
    remote,
    async push(bytes) {
      const files = await writeFiles(join(directory, 'files'), { 'weights.bin': bytes })
      await ask(['add', 'sentiment', files], elsewhere)
      await ask(['push', 'sentiment', remote], elsewhere)
    },
    delivered: (path) => readFile(join(directory, path)),
  }
}

async function serve(
  t: TestContext,
  { directory, env }: World,
  { targets, options = [] }: { readonly targets: readonly object[]; readonly options?: readonly string[] },
): Promise<() => Promise<readonly TargetStatus[]>> {
  await writeFile(join(directory, 'ballast.yaml'), JSON.stringify({ targets }))
  const args = ['serve', '--follow', '--status', '127.0.0.1:0', '--json', ...options]
  const running = start(args, { store: join(directory, 'store'), cwd: directory, env })
  t.after(running.kill)
  await eventually(async () => assert.match(running.stdout(), /\n/))
  const { status } = JSON.parse(running.stdout().split('\n')[0] ?? '') as { readonly status: string }
  return async () =>
    ((await (await fetch(`${status}/targets`)).json()) as { readonly targets: TargetStatus[] }).targets
}

test('targets are kept up with a tag in a bucket, and with a branch of a repository of the Hub', {
  skip,
}, async (t) => {
  const hub = await startHub(t)
  const commit = (bytes: Buffer): string => hub.commit({ name: 'org/model', files: { 'weights.bin': bytes } })
  const at = await world(t, { HF_ENDPOINT: hub.endpoint })
  const [one, two, three] = [random.bytes(20_000), random.bytes(20_000), random.bytes(20_000)]
  await at.push(one)
  commit(two)
  const follow = { follow: true, every: '1s' }
  const statuses = await serve(t, at, {
    targets: [
      { ref: 'sentiment:prod', to: './bucket', from: at.remote, ...follow },
      { ref: 'bert:prod', to: './hub', from: 'hf://org/model@main', ...follow },
    ],
  })
  const arrived = (path: string, bytes: Buffer): Promise<void> =>
    eventually(async () => assert.ok((await at.delivered(path)).equals(bytes)))
  await arrived('bucket/sentiment/weights.bin', one)
  await arrived('hub/bert/weights.bin', two)
  await at.push(three)
  commit(one)
  await arrived('bucket/sentiment/weights.bin', three)
  await arrived('hub/bert/weights.bin', one)
  await eventually(async () =>
    assert.deepEqual(
      (await statuses()).map(({ is }) => is),
      ['current', 'current'],
    ),
  )
})

test('what is fetched takes the time that --max-bandwidth leaves for it', { skip }, async (t) => {
  const at = await world(t)
  const bytes = random.bytes(3_000_000)
  await at.push(bytes)
  const since = performance.now()
  await serve(t, at, {
    targets: [{ ref: 'sentiment:prod', to: './limited', from: at.remote, follow: true }],
    options: ['--max-bandwidth', '1MB/s'],
  })
  await eventually(async () => assert.ok((await at.delivered('limited/sentiment/weights.bin')).equals(bytes)))
  assert.ok(performance.now() - since > 2_500)
})
