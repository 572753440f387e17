import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { layoutOf, type StoreLayout } from './layout.ts'
import { appendRecord, readLog } from './log.ts'
import { createLogMemory } from './log-memory.ts'

interface Counted {
  readonly n: number
}

test('who comes later reads the beginning of a long log in one file, and the rest record by record', async (t) => {
  const { layout, log, append } = await place(t)
  await append(1, 70)
  assert.equal((await readdir(join(layout.cache, 'logs'))).length, 1)
  // Were it read, it would be damage.
  await rewrite(join(log, '0000000003.json'), 'no record')
  assert.deepEqual(await numbersIn(layout, log), upTo(70))
  await append(71, 75)
  assert.deepEqual(await numbersIn(layout, log), upTo(75))
})

test('a log that does not go on from what is kept of it is read itself', async (t) => {
  const { layout, log, append } = await place(t)
  await append(1, 66)
  await rm(log, { recursive: true })
  await mkdir(log)
  await append(101, 110)
  assert.deepEqual(await numbersIn(layout, log), [101, 102, 103, 104, 105, 106, 107, 108, 109, 110])
  await rm(log, { recursive: true })
  await mkdir(log)
  await append(201, 270, false)
  assert.deepEqual((await numbersIn(layout, log)).slice(0, 2), [201, 202])
  await rm(join(log, '0000000069.json'))
  assert.deepEqual(
    (await numbersIn(layout, log)).slice(-2),
    [268, 270],
    'nothing is believed of one with a gap',
  )
})

test('what is kept of a log and torn, of another log, or cannot be read is not believed', async (t) => {
  const { layout, log, append } = await place(t)
  await append(1, 64)
  const [name = ''] = await readdir(join(layout.cache, 'logs'))
  const kept = join(layout.cache, 'logs', name)
  const text = await readFile(kept, 'utf8')
  for (const broken of ['', 'x', text.slice(0, -10), text.replace('"n":7', '"n":8'), text.slice(65)]) {
    await writeFile(kept, broken)
    assert.deepEqual(await numbersIn(layout, log), upTo(64))
  }
  await writeFile(kept, text)
  const elsewhere = layoutOf(join(layout.root, '../other'))
  await mkdir(join(elsewhere.cache, 'logs'), { recursive: true })
  await writeFile(join(elsewhere.cache, 'logs', name), text)
  assert.deepEqual(await numbersIn(elsewhere, join(elsewhere.repositories, 'a')), [])
})

test('where nothing can be kept, the records are appended and read all the same', async (t) => {
  const { layout, log, append } = await place(t)
  await mkdir(layout.own, { recursive: true })
  await writeFile(layout.cache, 'a file in the way')
  await append(1, 20)
  assert.deepEqual(await numbersIn(layout, log), upTo(20))
})

async function place(t: TestContext): Promise<{
  readonly layout: StoreLayout
  readonly log: string
  readonly append: (from: number, to: number, keeps?: boolean) => Promise<void>
}> {
  const layout = layoutOf(join(await temporaryDirectory(t), 'store'))
  const log = join(layout.repositories, 'a')
  await mkdir(layout.sessions, { recursive: true })
  return {
    layout,
    log,
    async append(from, to, keeps = true) {
      const options = {
        temporaryDirectory: layout.sessions,
        ...(keeps && { memory: createLogMemory(layout) }),
      }
      for (let n = from; n <= to; n++) await appendRecord<Counted>(log, async () => ({ n }), options)
    },
  }
}

/** As a process that has just begun reads them. */
async function numbersIn(layout: StoreLayout, log: string): Promise<readonly number[]> {
  return (await readLog<Counted>(log, createLogMemory(layout))).map(({ record }) => record.n)
}

async function rewrite(path: string, text: string): Promise<void> {
  await chmod(path, 0o644)
  await writeFile(path, text)
}

function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, at) => at + 1)
}
