import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, listIfPresent, readIfPresent, withLock, writeFileDurably } from '../core/index.ts'
import { FORMAT, fileOptions, type StoreLayout } from './layout.ts'
import { lifeOfSession, ownerOf, type SessionOwner } from './session.ts'

const LOCK_TIMEOUT_MS = 60_000
const POLL_MS = 50
/** Commands of a former Ballast that are under way: most have ended by then. */
const WAIT_MS = 15_000

/** The number in `ballast/format`; undefined where there is none. */
export async function formatOf(layout: StoreLayout): Promise<number | undefined> {
  const text = (await readIfPresent(layout.format))?.toString('utf8')
  return text === undefined ? undefined : Number(text)
}

/**
 * Makes a store of a former format one of this: to be called before anything is written to it. From then on a former Ballast
 * refuses it. Those that are at work in it know nothing of that, so it waits for them to end. Throws LOCKED where they do not.
 */
export async function upgradeStore(layout: StoreLayout, { waitMs = WAIT_MS } = {}): Promise<void> {
  const lock = { timeoutMs: LOCK_TIMEOUT_MS, sharing: layout.sharing }
  await withLock(layout.formatLock, lock, async () => {
    const former = await formatOf(layout)
    if (former === undefined || former >= FORMAT) return
    const until = performance.now() + waitMs
    await waitForFormer(layout, until)
    const options = fileOptions(layout, { directory: layout.sessions })
    await writeFileDurably(layout.format, `${FORMAT}\n`, options)
    try {
      // One may have looked at the format before that, and have begun after the first look.
      await waitForFormer(layout, until)
    } catch (error) {
      await writeFileDurably(layout.format, `${former}\n`, options)
      throw error
    }
  })
}

async function waitForFormer(layout: StoreLayout, until: number): Promise<void> {
  for (;;) {
    const [former] = await formerSessions(layout)
    if (former === undefined) return
    if (performance.now() >= until) throw formerAtWork(layout, former)
    await sleep(POLL_MS)
  }
}

/** Sessions of processes that do not know this format, and may live. */
async function formerSessions(layout: StoreLayout): Promise<readonly SessionOwner[]> {
  const former: SessionOwner[] = []
  for (const name of await listIfPresent(layout.sessions)) {
    const directory = join(layout.sessions, name)
    const owner = await ownerOf(directory)
    if (owner.format !== undefined && owner.format >= FORMAT) continue
    if ((await lifeOfSession(directory, undefined)) !== 'gone') former.push(owner)
  }
  return former
}

function formerAtWork({ root }: StoreLayout, { pid }: SessionOwner): BallastError {
  const which = pid === undefined ? '' : ` (process ${pid})`
  return new BallastError('LOCKED', `an older Ballast${which} is at work in the store ${root}`, {
    hint: 'end it, or update it and start it again; from the first change by this version on, older ones refuse the store',
    retryable: true,
  })
}
