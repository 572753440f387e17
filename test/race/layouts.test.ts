import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSystemError } from '../../src/core/index.ts'
import { layoutFaults } from '../../src/mount/index.ts'
import { startProcess } from '../fixtures/processes.ts'
import { createRandom } from '../fixtures/random.ts'
import { SERVER_READERS } from '../fixtures/server-readers.ts'
import { addVersion, temporaryStore } from '../fixtures/store.ts'
import { type Contents, temporaryDirectory } from '../fixtures/temporary.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
const VERSIONS = 5
const KILLS = 8
const LINKS = ['calc', 'serving', 'models--calc']

/** Every file of a version says which it is. */
function versionOf(number: number): Contents {
  const text = `${number}`.repeat(5000)
  return Object.fromEntries(
    ['config.pbtxt', 'model.onnx', 'saved_model.pb', 'variables/index'].map((path) => [path, text]),
  )
}

test('servers that look all the time find whole versions, beside swaps and processes that are killed', async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const random = createRandom(SEED)
  const store = await temporaryStore(t)
  const target = join(await temporaryDirectory(t), 'served')
  for (let number = 1; number <= VERSIONS; number++) await addVersion(store, 'calc:prod', versionOf(number))

  const reading = readAllTheTime(target)
  for (let kill = 0; kill < KILLS; kill++) {
    const swaps = startProcess(t, 'swap-layouts', [store.root, target, `${SEED}:${kill}`])
    await swaps.ready
    await sleep(100 + random.below(500))
    await swaps.kill()
  }
  const { faults, reads } = await reading.end()
  assert.deepEqual(faults, [])
  for (const [server, versions] of reads) {
    t.diagnostic(`${server} has read versions ${[...versions].sort().join(', ')}`)
    assert.ok(versions.size > 1, `${server} has read ${[...versions].join()} only`)
  }

  const last = startProcess(t, 'swap-layouts', [store.root, target, SEED])
  await last.ready
  await sleep(500)
  await last.kill()
  for (const link of LINKS) assert.deepEqual(await layoutFaults(target, link), [], link)
  // At the most what the last one was at.
  const own = await readdir(join(target, '.ballast'))
  assert.ok(own.filter((name) => name.startsWith('incoming-')).length <= 1, own.join())
})

interface Reading {
  readonly end: () => Promise<{
    readonly faults: readonly string[]
    readonly reads: ReadonlyMap<string, ReadonlySet<string>>
  }>
}

function readAllTheTime(target: string): Reading {
  let isEnded = false
  const faults: string[] = []
  const reads = new Map(Object.keys(SERVER_READERS).map((server) => [server, new Set<string>()]))
  const loop = async (server: string): Promise<void> => {
    const versions = reads.get(server) ?? new Set()
    for (let misses = 0; !isEnded && faults.length === 0; await sleep(1)) {
      const found = await readOnce(server, target)
      if ('text' in found) versions.add(found.text)
      if ('wrong' in found) faults.push(found.wrong)
      // Before the first delivery there is nothing; later, who is overtaken by two swaps looks again, and finds it.
      misses = 'missed' in found && versions.size > 0 ? misses + 1 : 0
      if (misses > MOST_MISSES && 'missed' in found) faults.push(`${server}: ${found.missed}`)
    }
  }
  const loops = Promise.all(Object.keys(SERVER_READERS).map(loop))
  return {
    end: async () => {
      isEnded = true
      await loops
      return { faults, reads }
    },
  }
}

const MOST_MISSES = 3

type Read = { readonly text: string } | { readonly missed: string } | { readonly wrong: string }

async function readOnce(server: string, target: string): Promise<Read> {
  try {
    const { directory, number } = (await SERVER_READERS[server]?.(target)) ?? assert.fail()
    const texts = new Set<string>()
    for (const file of Object.keys(versionOf(0))) texts.add(await readFile(join(directory, file), 'utf8'))
    const [text = '', ...others] = texts
    const said = text.slice(0, 1)
    if (others.length > 0) return { wrong: `${server}: files of several versions in ${directory}` }
    if (text !== said.repeat(5000)) return { wrong: `${server}: half a file in ${directory}` }
    if (number !== undefined && said !== `${number}`) return { wrong: `${server}: ${said} in ${directory}` }
    return { text: said }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return { missed: String(error) }
    return { wrong: `${server}: ${error}` }
  }
}
