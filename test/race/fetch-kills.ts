import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../../src/core/index.ts'
import { openStore } from '../../src/store/index.ts'
import { show } from '../../src/workflows/show.ts'
import { startFileServer } from '../doubles/file-server.ts'
import { startShapedProxy } from '../doubles/shaped-proxy.ts'
import { type EndsScope, startProcess } from '../fixtures/processes.ts'
import { createRandom, type Random } from '../fixtures/random.ts'

export interface FetchUnderKills {
  /** Downloads, one after the other. */
  readonly count: number
  readonly seed: string
  /** Of the file, in bytes. */
  readonly size: number
  /** Of each connection, in bytes a second. */
  readonly rate: number
  readonly print?: (line: string) => void
}

export interface KillsReport {
  readonly kills: number
  readonly cuts: number
  /** Of all bytes, those that came more than once: 0.1 for a tenth. */
  readonly again: number
}

/** What befalls one download, at most. */
const MOST_TROUBLES = 4

/**
 * Downloads over a link; each meets `kill -9` and cuts of all of its connections at random instants, and is started again
 * after a kill. Throws where the store is not sound at any time, or holds anything but the file in the end.
 */
export async function fetchUnderKills({
  count,
  seed,
  size,
  rate,
  print = () => undefined,
}: FetchUnderKills): Promise<KillsReport> {
  const random = createRandom(`${seed} fetch`)
  const ends: (() => Promise<void>)[] = []
  const scope: EndsScope = { after: (end) => void ends.unshift(end) }
  const directory = await mkdtemp(join(tmpdir(), 'ballast-fetches-'))
  scope.after(() => rm(directory, { recursive: true, force: true }))
  let [kills, cuts, passed] = [0, 0, 0]
  try {
    const bytes = random.bytes(size)
    const { origin } = await startFileServer(scope, { '/w.bin': bytes })
    const digest = digestOf(bytes)
    for (let turn = 1; turn <= count; turn++) {
      const link = await startShapedProxy({
        targetPort: Number(new URL(origin).port),
        bytesPerSecond: rate,
      })
      const scene = { scope, random, link, size, store: join(directory, `${turn}`) }
      const troubles = await download(scene).finally(link.close)
      await soundVersion(scene.store, digest)
      await rm(scene.store, { recursive: true })
      kills += troubles.kills
      cuts += troubles.cuts
      passed += link.passed()
      print(
        `${turn}: ${troubles.kills} kills, ${troubles.cuts} cuts, ${percent(link.passed() / size - 1)} fetched again`,
      )
    }
  } finally {
    for (const end of ends) await end()
  }
  return { kills, cuts, again: passed / (size * count) - 1 }
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

interface Scene {
  readonly scope: EndsScope
  readonly random: Random
  readonly link: Awaited<ReturnType<typeof startShapedProxy>>
  readonly size: number
  readonly store: string
}

async function download({ scope, random, link, size, store }: Scene): Promise<Omit<KillsReport, 'again'>> {
  const start = () => startProcess(scope, 'add-address', [store, `http://127.0.0.1:${link.port}/w.bin`])
  const instants = Array.from({ length: 1 + random.below(MOST_TROUBLES) }, () => random.next() * size)
  let [kills, cuts] = [0, 0]
  let adding = start()
  for (const instant of instants.sort((a, b) => a - b)) {
    while (link.passed() < instant && adding.child.exitCode === null) await sleep(2)
    if (random.next() < 0.5) {
      link.cut()
      cuts++
      continue
    }
    await adding.kill()
    kills++
    assert.deepEqual((await (await openStore(store)).verify()).problems, [])
    adding = start()
  }
  await adding.ended
  return { kills, cuts }
}

async function soundVersion(store: string, digest: string): Promise<void> {
  const opened = await openStore(store)
  const { files } = await show(opened, 'model')
  assert.deepEqual(
    files.map((file) => file.digest),
    [digest],
  )
  assert.deepEqual((await opened.verify()).problems, [])
}
