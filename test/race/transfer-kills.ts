import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeRandomFile } from '../../bench/harness.ts'
import { createStoreStorage, startRegistry } from '../../src/registry/index.ts'
import { openStore } from '../../src/store/index.ts'
import { startCountingProxy } from '../doubles/counting-proxy.ts'
import { ask, run, start } from '../fixtures/command.ts'

export interface KilledTransfers {
  /** How much more was sent, and fetched, than there was: 0.1 for a tenth. */
  readonly sentAgain: number
  readonly fetchedAgain: number
  /** The same in bytes. */
  readonly bytesSentAgain: number
  readonly bytesFetchedAgain: number
}

/**
 * Pushes a model of several files to the embedded registry and pulls it again, each killed with SIGKILL so many times, whenever the
 * same share more has moved, and then left to end. Throws where what arrives is not what was pushed.
 */
export async function killTransfers({
  size,
  files,
  kills,
}: {
  /** Of all files, in bytes. */
  readonly size: number
  readonly files: number
  readonly kills: number
}): Promise<KilledTransfers> {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-transfer-kills-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })]
  try {
    const model = join(directory, 'model')
    await mkdir(model)
    for (let at = 0; at < files; at++) {
      await writeRandomFile(join(model, `w${at}.bin`), { size: Math.floor(size / files), seed: at + 1 })
    }
    const [store, other] = [join(directory, 'store'), join(directory, 'other')]
    const { digest } = await ask<{ digest: string }>(['add', 'big', model, '--move'], { store })
    const storage = createStoreStorage(await openStore(join(directory, 'served')))
    const registry = await startRegistry({ storage })
    ends.unshift(() => registry.close())
    const port = Number(registry.host.split(':')[1])
    const proxy = await startCountingProxy({ host: '127.0.0.1', port })
    ends.unshift(() => proxy.close())

    /** Bytes beyond those that there are. */
    const killed = async (
      args: readonly string[],
      { at, moved }: { readonly at: string; readonly moved: () => number },
    ): Promise<number> => {
      for (let kill = 1; kill <= kills; kill++) {
        const before = moved()
        const running = start(args, { store: at })
        while (running.child.exitCode === null && moved() - before < size / (kills + 2)) await sleep(5)
        running.kill()
        await running.ended
      }
      const last = await run(args, { store: at })
      assert.equal(last.code, 0, last.stderr)
      return moved() - size
    }

    const remote = `${proxy.host}/big`
    const sent = await killed(['push', 'big', remote], { at: store, moved: () => proxy.sent.blobs })
    proxy.reset()
    const fetched = await killed(['pull', remote], { at: other, moved: () => proxy.received.blobs })
    const [version] = await ask<readonly { digest: string }[]>(['list', 'big'], { store: other })
    assert.equal(version?.digest, digest)
    const verified = await run(['verify'], { store: other })
    assert.equal(verified.code, 0, verified.stdout)
    return {
      sentAgain: sent / size,
      fetchedAgain: fetched / size,
      bytesSentAgain: sent,
      bytesFetchedAgain: fetched,
    }
  } finally {
    for (const end of ends) await end()
  }
}
