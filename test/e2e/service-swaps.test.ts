import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runLoad } from '../../bench/load.ts'
import { type ExportVersion, exportModel } from '../../examples/sentiment/export-model.ts'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { tag } from '../../src/workflows/tag.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const RATE = 500
const SWAPS = Number(process.env.BALLAST_TEST_SWAPS ?? 50)
const LONGEST_SWAP_MS = 2000

test(`${SWAPS} swaps under ${RATE} requests a second: none fails, each answer is of one whole version`, async (t) => {
  const directory = await temporaryDirectory(t)
  const store = await openStore(join(directory, 'store'))
  for (const version of [1, 2, 3] as const satisfies readonly ExportVersion[]) {
    await exportModel(join(directory, 'models'), version)
    await add(store, {
      name: version === 1 ? 'sentiment:prod' : 'sentiment',
      sources: [join(directory, 'models')],
    })
  }
  const target = join(directory, 'target')
  const ballast = join(REPOSITORY, 'src', 'cli', 'main.ts')
  await start(t, [ballast, 'mount', 'sentiment:prod', target, '--follow', '--store', store.root], {
    ready: /mounted/,
  })
  const server = await start(t, [join(REPOSITORY, 'examples', 'sentiment', 'server.ts')], {
    ready: /listening on port (\d+)[\s\S]*using|using[\s\S]*listening on port (\d+)/,
    env: { PORT: '0', MODEL_PATH: join(target, 'sentiment') },
  })
  const url = `http://127.0.0.1:${server[1] ?? server[2]}/predict?text=outstanding`

  const ending = new AbortController()
  const load = runLoad({ url, rate: RATE, signal: ending.signal })
  const times: number[] = []
  for (let swap = 1; swap <= SWAPS; swap++) {
    const number = (swap % 3) + 1
    await tag(store, [`sentiment:${number}`, 'prod'])
    times.push(await untilCurrent(url, number))
    await pause(200)
  }
  ending.abort()
  const summary = await load
  const slowest = Math.max(...times)
  t.diagnostic(`slowest swap until it served: ${slowest.toFixed(0)} ms; ${JSON.stringify(summary)}`)
  assert.deepEqual(summary.problems, {})
  assert.equal(summary.failed, 0)
  assert.ok(summary.sent >= SWAPS * 0.2 * RATE, `${summary.sent} requests were sent`)
  assert.equal(Object.keys(summary.versions).length, 3, 'every version was observed')
  assert.ok(slowest <= LONGEST_SWAP_MS, `a swap took ${slowest.toFixed(0)} ms`)
})

/** Milliseconds until the service answers from the version. */
async function untilCurrent(url: string, number: number): Promise<number> {
  const started = performance.now()
  for (;;) {
    const answer = (await (await fetch(url)).json()) as { readonly model: { readonly number: number } }
    const took = performance.now() - started
    if (answer.model.number === number || took > 5 * LONGEST_SWAP_MS) return took
    await pause(20)
  }
}

async function start(
  t: TestContext,
  args: readonly string[],
  { ready, env = {} }: { readonly ready: RegExp; readonly env?: Readonly<Record<string, string>> },
): Promise<RegExpExecArray> {
  const child = spawn(process.execPath, [...args], { env: { ...process.env, ...env } })
  t.after(() => stop(child))
  let output = ''
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      const match = ready.exec(output)
      if (match !== null) resolve(match)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('close', (code) => reject(new Error(`${args.join(' ')} ended with ${code}:\n${output}`)))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
}
