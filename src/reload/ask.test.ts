import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startScriptedServer } from '../../test/doubles/scripted-server.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { type Answer, askReady } from './ask.ts'
import { LONGEST_TEXT } from './claims.ts'
import { type Ready, readyOf } from './plan.ts'

const digest = digestOf('a version')
const PADDING = 'x'.repeat(LONGEST_TEXT)

function ask(ready: string, directory = '/'): Promise<Answer> {
  return askReady({ name: 'api' }, readyOf({ ready }) as Ready, {
    directory,
    engine: undefined,
    version: { model: 'sentiment', digest, number: 3, name: 'sentiment' },
    signal: AbortSignal.timeout(20_000),
    since: Date.now() - 60_000,
  })
}

test('a long answer is read to its end, and one without end is no word that it is ready', async (t) => {
  const { host } = await startScriptedServer(
    t,
    (_, response) =>
      void response.end(JSON.stringify({ log: 'x'.repeat(200_000), digest: digestOf('other') })),
    (_, response) => void response.end(JSON.stringify({ log: 'x'.repeat(200_000), digest })),
    (_, response) => void response.end(`${PADDING}${digest}`),
    (_, response) => void response.setHeader('x-model-digest', digest).end(`${PADDING}.`),
    (_, response) => void response.end(`${PADDING}.`),
  )
  const url = `http://${host}/health`
  assert.deepEqual(await ask(`GET ${url}`), { is: 'waiting', why: `${url} names another version` })
  assert.deepEqual(await ask(`GET ${url}`), { is: 'ready', word: 'serves' })
  const cut = await ask(`GET ${url}`)
  assert.equal(cut.is, 'waiting')
  assert.match(cut.is === 'waiting' ? cut.why : '', /says more than 4194304 bytes/)
  assert.deepEqual(await ask(`GET ${url}`), { is: 'ready', word: 'serves' })
  assert.deepEqual(await ask(`GET ${url}?version={number}`), { is: 'ready', word: 'serves' })
})

test('nor is a file that is longer', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'ready'), `${PADDING}${digest}`)
  assert.equal((await ask('file:ready', directory)).is, 'waiting')
  await writeFile(join(directory, 'ready'), JSON.stringify({ log: 'x'.repeat(2_000_000), digest }))
  assert.deepEqual(await ask('file:ready', directory), { is: 'ready', word: 'serves' })
})
