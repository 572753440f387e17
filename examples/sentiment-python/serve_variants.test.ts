import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createTarget, temporaryDirectory } from '../../test/fixtures/lexicon-target.ts'
import { splitTarget } from '../../test/fixtures/split-target.ts'

const python = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0
if (!python && process.env.BALLAST_REQUIRE_PARTS) throw new Error('there is no Python 3.9 or newer')
const skip = !python && 'there is no Python 3.9 or newer'

/** Stands for the library that has the same name: a model is a number, which is the score of every text. */
const JOBLIB = `class Model:
    def __init__(self, score):
        self.score = score
    def predict_proba(self, texts):
        return [[1 - self.score, self.score] for _ in texts]
def load(path):
    with open(path) as file:
        return Model(float(file.read()))
`

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

async function serve(t: TestContext, modelPath: string): Promise<string> {
  const libraries = await temporaryDirectory(t)
  await writeFile(join(libraries, 'joblib.py'), JOBLIB)
  const env = {
    ...process.env,
    PYTHONPATH: `${here('../../python')}:${libraries}`,
    MODEL_PATH: modelPath,
    PORT: '0',
  }
  const child = spawn('python3', ['-B', here('serve_variants.py')], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  for await (const line of createInterface({ input: child.stderr })) {
    const port = /on port (\d+)$/.exec(line)?.[1]
    if (port !== undefined) {
      child.stderr.resume()
      return `http://127.0.0.1:${port}`
    }
  }
  throw new Error('the service has ended')
}

test('the Python service: swaps under load, variants by key and tenant, health', { skip }, async (t) => {
  const target = await createTarget(t)
  const deliver = (number: number): Promise<string> =>
    target.swap('sentiment', number, (directory) =>
      writeFile(join(directory, 'sentiment_model.pkl'), number === 4 ? 'broken' : `0.${number}`),
    )
  const first = basename(await deliver(1))
  const url = await serve(t, target.path)
  const get = async (path: string) => (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>
  const until = async (path: string, key: string, value: unknown): Promise<Record<string, unknown>> => {
    for (let turn = 0; turn < 400; turn++) {
      const body = await get(path)
      if (JSON.stringify(body[key]) === JSON.stringify(value)) return body
      await pause(25)
    }
    return assert.fail(
      `${path} never says ${key} ${JSON.stringify(value)}: ${JSON.stringify(await get(path))}`,
    )
  }
  assert.deepEqual(await get('/predict?text=x'), {
    ...{ label: 'negative', score: 0.1, variant: 'stable', version: 1 },
    digest: (await get('/health')).digest,
  })

  let swapping = true
  const answered = new Map<unknown, number>()
  const ask = async (): Promise<void> => {
    while (swapping) {
      const { version, score } = await get('/predict?text=x')
      assert.equal(score, Number(version) / 10)
      answered.set(version, (answered.get(version) ?? 0) + 1)
    }
  }
  const asking = Promise.all([ask(), ask(), ask(), ask()])
  for (const number of [2, 3, 2, 3]) {
    await deliver(number)
    await until('/health', 'number', number)
  }
  swapping = false
  await asking
  assert.deepEqual([...answered.keys()].toSorted(), [1, 2, 3])

  const third = basename(await deliver(3))
  await splitTarget(target.path, {
    number: 1,
    variants: [
      { name: 'stable', weight: 90, number: 3, id: third },
      { name: 'canary', weight: 10, number: 1, id: first },
    ],
    tenants: { acme: 'canary' },
  })
  await until('/predict?text=x&key=user-19', 'variant', 'canary')
  assert.equal((await get('/predict?text=x&key=user-1')).version, 3)
  assert.equal((await get('/predict?text=x&key=user-1&tenant=acme')).version, 1)

  await splitTarget(target.path, {
    number: 2,
    variants: [{ name: 'stable', weight: 1, number: 4, id: basename(await deliver(4)) }],
  })
  const { refused, problem, number } = await until(
    '/health',
    'problem',
    "could not convert string to float: 'broken'",
  )
  assert.deepEqual([(refused as { number: number }[])[0]?.number, number, typeof problem], [4, 3, 'string'])
})
