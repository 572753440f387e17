import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { run } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const SIZE = 3_000_000

test('add --progress json tells what starts, what is done and the total on stderr, and answers on stdout', async (t) => {
  const { store, source } = await setUp(t)
  const ran = await run(['add', 'm', source, '--json', '--progress', 'json'], { store })
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(JSON.parse(ran.stdout).name ?? 'm', 'm')
  const events = eventsOf(ran.stderr)
  for (const { time } of events) assert.ok(!Number.isNaN(Date.parse(time)))
  const about = (item: string): readonly unknown[] =>
    events
      .filter((event) => event.item === item && event.event !== 'bytes')
      .map(({ event, bytes, total }) => [event, bytes, total])
  assert.deepEqual(about('big.bin'), [
    ['start', 0, SIZE],
    ['done', SIZE, undefined],
  ])
  const last = events.at(-1)
  assert.deepEqual(
    [last?.event, last?.step, last?.bytes, last?.total, last?.items],
    ['total', 'add', SIZE + 2, SIZE + 2, { done: 2, total: 2 }],
  )
})

test('short work says nothing of its progress by itself, nor with none, nor when it is to be quiet', async (t) => {
  const { store, source } = await setUp(t)
  for (const options of [
    [],
    ['--progress', 'plain'],
    ['--progress', 'none'],
    ['--quiet', '--progress', 'json'],
  ]) {
    const ran = await run(['add', 'm', source, ...options], { store })
    assert.equal(ran.code, 0, ran.stderr)
    assert.equal(ran.stderr, '')
  }
})

test('another word is refused before anything is done', async (t) => {
  const { store, source } = await setUp(t)
  const expected = { code: 2, names: ['--progress bar'], next: 'auto, plain, json or none' }
  await assertFails(['add', 'm', source, '--progress', 'bar'], expected, { store })
})

interface Told {
  readonly event: string
  readonly step: string
  readonly item?: string
  readonly bytes?: number
  readonly total?: number
  readonly items?: unknown
  readonly time: string
}

function eventsOf(text: string): readonly Told[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told)
}

async function setUp(t: TestContext): Promise<{ readonly store: string; readonly source: string }> {
  const root = await temporaryDirectory(t)
  const source = join(root, 'source')
  await mkdir(source)
  await writeFile(join(source, 'big.bin'), Buffer.alloc(SIZE, 7))
  await writeFile(join(source, 'config.json'), '{}')
  return { store: join(root, 'store'), source }
}
