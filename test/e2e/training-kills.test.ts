import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseName } from '../../src/model/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import type { CaptureResult } from '../../src/workflows/capture.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { findPython } from '../fixtures/python.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const KILLS = 20
const TRAIN = fileURLToPath(new URL('../../examples/training/train.py', import.meta.url))
const REQUIREMENTS = fileURLToPath(new URL('../../examples/training/requirements.txt', import.meta.url))
const WRITE_OVER = fileURLToPath(new URL('../fixtures/python/write-over.py', import.meta.url))
const SEED = process.env.BALLAST_SEED ?? `${Date.now()}`

const python = await findPython(REQUIREMENTS)
const skip = 'missing' in python ? python.missing : false
const command = 'missing' in python ? 'python3' : python.command

test(`a training job killed with kill -9 at ${KILLS} random instants goes on elsewhere from its last whole checkpoint`, {
  skip,
}, async (t) => {
  t.diagnostic(`BALLAST_SEED=${SEED}`)
  const random = createRandom(SEED)
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  let reached = 0
  const resumedFrom: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    // Another host: it has nothing but the store.
    const host = join(directory, `host-${kill}`)
    const resume = join(host, 'from')
    if (reached > 0) await ask(['mount', 'sentiment:ckpt', resume], { store })
    const out = join(host, 'run')
    const job = startTraining(t, out, reached > 0 ? resume : undefined)
    assert.equal(await job.firstLine, `starts with epoch ${reached + 1}`)
    resumedFrom.push(reached)
    // An epoch takes a tenth of a second; at times the first one is cut short.
    await sleep(random.below(kill % 4 === 0 ? 80 : 900))
    job.kill()
    await job.ended
    const newest = await newestCheckpoint(out)
    const captured = await run([...capture(out), '--json'], { store })
    if (newest === 0) {
      assert.equal(captured.code, 3, captured.stderr)
      continue
    }
    assert.equal(captured.code, 0, captured.stderr)
    const { checkpoint } = JSON.parse(captured.stdout) as CaptureResult
    assert.equal(checkpoint, `checkpoint-${newest}`)
    reached = newest
  }
  const states = await statesOf(await openStore(store))
  t.diagnostic(
    `${states.length} versions, up to epoch ${reached}; began after epochs ${resumedFrom.join(', ')}`,
  )
  assert.ok(states.length > 0)
  assert.equal(states.at(-1)?.epoch, reached)

  const through = join(directory, 'through')
  const job = startJob(t, [TRAIN, '--out', through, '--epochs', `${reached}`])
  await job.ended
  const text = await readFile(join(through, `checkpoint-${reached}/state.json`), 'utf8')
  assert.equal((JSON.parse(text) as State).weights_sha256, states.at(-1)?.weights_sha256)
})

test('a job goes on at a host with a store of its own, to which its last checkpoint was pushed', {
  skip,
}, async (t) => {
  const directory = await temporaryDirectory(t)
  const [here, there] = [join(directory, 'here'), join(directory, 'there')]
  const shared = `oci:${join(directory, 'shared')}:ckpt`
  let reached = 0
  for (const [turn, store] of [here, there, here].entries()) {
    const out = join(directory, `run-${turn}`)
    const from = join(directory, `from-${turn}`)
    if (turn > 0) {
      await ask(['pull', shared, 'sentiment:ckpt'], { store })
      await ask(['mount', 'sentiment:ckpt', from], { store })
    }
    const job = startTraining(t, out, turn > 0 ? from : undefined)
    assert.equal(await job.firstLine, `starts with epoch ${reached + 1}`)
    while ((await newestCheckpoint(out)) === 0) await sleep(50)
    job.kill()
    await job.ended
    reached = await newestCheckpoint(out)
    const { checkpoint } = await ask<CaptureResult>(capture(out), { store })
    assert.equal(checkpoint, `checkpoint-${reached}`)
    await ask(['push', 'sentiment:ckpt', shared], { store })
  }
  const states = await statesOf(await openStore(here))
  assert.equal(states.at(-1)?.epoch, reached)
  const numbers = (await (await openStore(here)).records.listVersions(parseName('sentiment'))).map(
    ({ number }) => number,
  )
  // Each version has the number under which it was captured, wherever that was.
  assert.deepEqual(numbers, [1, 2, 3])
})

test('what follows a training job brings each checkpoint into the store, and none that is torn', {
  skip,
}, async (t) => {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const out = join(directory, 'run')
  const job = startTraining(t, out)
  await job.firstLine
  const follower = start([...capture(out), '--follow', '--json'], { store })
  t.after(() => follower.kill())
  const lines = (): readonly (CaptureResult & { readonly time: string })[] =>
    follower
      .stdout()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  for (const deadline = Date.now() + 60_000; lines().length < 5 && Date.now() < deadline; ) await sleep(100)
  job.kill()
  await job.ended
  const newest = await newestCheckpoint(out)
  const isThere = (): boolean => lines().at(-1)?.checkpoint === `checkpoint-${newest}`
  for (const deadline = Date.now() + 20_000; !isThere() && Date.now() < deadline; ) await sleep(100)
  assert.ok(isThere(), follower.stdout())
  follower.child.kill('SIGTERM')
  await follower.ended
  const states = await statesOf(await openStore(store))
  assert.equal(states.length, lines().length)
  assert.ok(lines().length >= 5)
})

test(`a job that writes its checkpoint over the last one, killed ${KILLS} times: a version is of one step, or there is none`, {
  skip: process.platform !== 'linux',
}, async (t) => {
  t.diagnostic(`BALLAST_SEED=${SEED}`)
  const random = createRandom(SEED)
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const out = join(directory, 'run')
  let captures = 0
  let torn = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const job = startJob(t, [WRITE_OVER, out, `${kill * 1000}`], 'python3')
    await job.firstLine
    // One beside the running job, and one of what it leaves.
    const options = ['--marker', 'DONE.json', '--quiet-for', '0.2', '--json']
    const beside = run(['capture', out, 'm:ckpt', ...options, '--wait', '2'], { store })
    await sleep(300 + random.below(1500))
    job.kill()
    await job.ended
    const after = await run(['capture', out, 'm:ckpt', ...options, '--wait', '0.4'], { store })
    for (const ran of [await beside, after]) {
      assert.ok(ran.code === 0 || ran.code === 4 || ran.code === 3, ran.stderr)
      if (ran.code === 0) captures++
      else torn++
    }
  }
  t.diagnostic(`${captures} captures, ${torn} refused`)
  const opened = await openStore(store)
  const versions = await opened.records.listVersions(parseName('m'))
  assert.ok(versions.length > 0)
  for (const { digest, number } of versions) {
    const steps = new Set<number>()
    for (const file of (await opened.readVersion(digest)).files) {
      const text = await readFile(opened.blobs.path(file.digest), 'utf8')
      const found =
        file.path === 'DONE.json' ? [`${(JSON.parse(text) as { step: number }).step}`] : text.match(/.{8}/g)
      if (file.path !== 'DONE.json') assert.equal(text.length, 8 * 512 * 40, `m:${number} ${file.path}`)
      for (const step of new Set(found)) steps.add(Number(step))
    }
    assert.equal(steps.size, 1, `m:${number} is of the steps ${[...steps].join(', ')}`)
  }
})

interface State {
  readonly epoch: number
  readonly model_sha256: string
  readonly weights_sha256: string
}

/** Of every version, by rising number; each is whole. */
async function statesOf(store: Store): Promise<readonly State[]> {
  const states: State[] = []
  for (const { digest, number } of await store.records.listVersions(parseName('sentiment'))) {
    const { files } = await store.readVersion(digest)
    assert.deepEqual(
      files.map(({ path }) => path),
      ['DONE', 'model.joblib', 'state.json'],
    )
    const [, model, state] = await Promise.all(files.map((file) => readFile(store.blobs.path(file.digest))))
    const read = JSON.parse(`${state}`) as State
    const found = createHash('sha256')
      .update(model as Buffer)
      .digest('hex')
    assert.equal(found, read.model_sha256, `sentiment:${number}`)
    states.push(read)
  }
  assert.deepEqual((await store.verify()).problems, [])
  return states
}

async function newestCheckpoint(out: string): Promise<number> {
  const names = await readdir(out).catch(() => [])
  return Math.max(0, ...names.map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? 0)))
}

/** Of the newest checkpoint that is whole. */
function capture(out: string): readonly string[] {
  return ['capture', out, 'sentiment:ckpt', '--marker', 'checkpoint-*/DONE', '--quiet-for', '0']
}

interface Job {
  readonly firstLine: Promise<string>
  readonly ended: Promise<unknown>
  readonly kill: () => void
}

/** Goes on until it is killed. */
function startTraining(t: TestContext, out: string, resume?: string): Job {
  const from = resume === undefined ? [] : ['--resume', resume]
  return startJob(t, [TRAIN, '--out', out, '--epochs', '1000000', ...from])
}

function startJob(t: TestContext, args: readonly string[], program = command): Job {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const kill = (): void => void child.kill('SIGKILL')
  t.after(kill)
  const ended = once(child, 'close')
  const firstLine = new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('close', () => reject(new Error('the job ended before it began')))
  })
  firstLine.catch(() => undefined)
  return { firstLine, ended, kill }
}
