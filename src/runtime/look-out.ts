import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

export interface LookOptions {
  /** Ends the watch, like `close`. */
  readonly signal?: AbortSignal | undefined
  /** How often the path is looked at; file events, where they arrive, only make it sooner. 500 by default. */
  readonly pollMs?: number | undefined
  /** Whether the watch alone keeps the process running. False by default. */
  readonly keepAlive?: boolean | undefined
  /** Takes what the listener throws, and once each a path that cannot be resolved at two looks in a row. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Called when a path that was reported as unresolvable resolves again. */
  readonly onRecovered?: (() => void) | undefined
}

export interface ModelWatch {
  /** No call begins afterwards; one that is under way is not waited for. */
  close(): void
}

export interface Looking<T> extends LookOptions {
  /** What is at the path, and the directories in which something changes when that does. */
  readonly look: () => Promise<{ readonly found: T; readonly watched: readonly string[] }>
  readonly isSame: (a: T, b: T) => boolean
  readonly since?: T | undefined
  readonly onChange: (found: T) => void | Promise<void>
}

const DEFAULT_POLL_MS = 500
/** Lets the several events of one swap arrive as one. */
const SETTLE_MS = 5

/** Calls `onChange` with what is found each time that it differs, one call at a time. `path` is absolute. */
export function keepLooking<T>(path: string, task: Looking<T>): ModelWatch {
  const { signal, pollMs = DEFAULT_POLL_MS, keepAlive = false, onError, onRecovered } = task
  let known = task.since
  let closed = false
  let looking = false
  let again = false
  let soon = false
  let timer: NodeJS.Timeout | undefined
  const complaints = createComplaints(report, () => attempt(() => onRecovered?.()))
  const events = createEvents({ path, keepAlive, wake })

  function report(error: unknown): void {
    attempt(() => onError?.(error))
  }

  function schedule(when: 'soon' | 'later'): void {
    clearTimeout(timer)
    soon = when === 'soon'
    timer = setTimeout(look, soon ? Math.min(SETTLE_MS, pollMs) : pollMs)
    if (!keepAlive) timer.unref()
  }

  function wake(): void {
    if (looking) again = true
    // A directory that never rests must not put off the look for ever.
    else if (!closed && !soon) schedule('soon')
  }

  async function look(): Promise<void> {
    looking = true
    soon = false
    again = false
    const changed = await deliverChange()
    looking = false
    if (!closed) schedule(changed || again ? 'soon' : 'later')
  }

  /** Whether there was a change; then another may have come while the listener was busy. */
  async function deliverChange(): Promise<boolean> {
    const seen = await task.look().catch(complaints.add)
    if (closed || seen === undefined) return false
    complaints.clear()
    events.listenIn(seen.watched)
    const former = known
    known = seen.found
    if (former === undefined || task.isSame(former, seen.found)) return false
    try {
      await task.onChange(seen.found)
    } catch (error) {
      report(error)
    }
    return true
  }

  function close(): void {
    closed = true
    clearTimeout(timer)
    events.close()
    signal?.removeEventListener('abort', close)
  }

  signal?.addEventListener('abort', close, { once: true })
  if (signal?.aborted) close()
  else {
    // The holder of the link as far as it is known before the first look, so that no swap meanwhile goes unseen.
    events.listenIn([dirname(path)])
    schedule('soon')
  }
  return { close }
}

/** A failing report has nobody left to be reported to. */
function attempt(call: () => void): void {
  try {
    call()
  } catch {}
}

interface Complaints {
  add(error: unknown): undefined
  clear(): void
}

/** A link that is missing at one look is a swap by other means than rename(2); at two it is news, but only once. */
function createComplaints(report: (error: unknown) => void, recovered: () => void): Complaints {
  let last: string | undefined
  let repeated = false
  return {
    add(error) {
      const text = String(error)
      if (text !== last) repeated = false
      else if (!repeated) {
        repeated = true
        report(error)
      }
      last = text
    },
    clear() {
      last = undefined
      if (repeated) recovered()
      repeated = false
    },
  }
}

interface Events {
  /** Directories that cannot be watched are left to polling, and tried again at the next call. */
  listenIn(directories: readonly string[]): void
  close(): void
}

function createEvents({
  path,
  keepAlive,
  wake,
}: {
  readonly path: string
  readonly keepAlive: boolean
  readonly wake: () => void
}): Events {
  const watchers = new Map<string, FSWatcher>()
  const leave = (directory: string): void => {
    watchers.get(directory)?.close()
    watchers.delete(directory)
  }
  const enter = (directory: string): void => {
    try {
      const watcher = watch(directory, { persistent: keepAlive })
      watchers.set(directory, watcher)
      // Beside the model's link other files may be busy.
      const ours = directory === dirname(path) ? basename(path) : undefined
      watcher.on('change', (_, name) => {
        if (ours === undefined || name === null || name === ours) wake()
      })
      watcher.on('error', () => leave(directory))
    } catch {
      leave(directory)
    }
  }
  return {
    listenIn(directories) {
      for (const directory of watchers.keys()) if (!directories.includes(directory)) leave(directory)
      for (const directory of directories) if (!watchers.has(directory)) enter(directory)
    },
    close() {
      for (const directory of watchers.keys()) leave(directory)
    },
  }
}
