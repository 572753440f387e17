import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { type ResolvedModel, type ResolveOptions, resolveWatched, sameModel } from './resolve.ts'

export interface WatchOptions extends ResolveOptions {
  /** The version that is loaded already. Without it, the first one that is found. */
  readonly since?: ResolvedModel | undefined
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

export type ModelListener = (model: ResolvedModel) => void | Promise<void>

const DEFAULT_POLL_MS = 500
/** Lets the several events of one swap arrive as one. */
const SETTLE_MS = 5

/**
 * Calls the listener with each new version, one call at a time. A version that is replaced while a call is under
 * way may be left out; the newest is always delivered in the end. Never throws. Never calls for an embedded or
 * plain directory. A version whose call failed is not offered again before the path has changed.
 */
export function watchModel(path: string, listener: ModelListener, options: WatchOptions = {}): ModelWatch {
  const { signal, pollMs = DEFAULT_POLL_MS, keepAlive = false, onError, onRecovered } = options
  const absolute = resolve(path)
  let known = options.since
  let closed = false
  let looking = false
  let again = false
  let soon = false
  let timer: NodeJS.Timeout | undefined
  const complaints = createComplaints(report, () => attempt(() => onRecovered?.()))
  const events = createEvents({ path: absolute, keepAlive, wake })

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
    const found = await resolveWatched(absolute, options).catch(complaints.add)
    if (closed || found === undefined) return false
    complaints.clear()
    events.listenIn(found.watched)
    const former = known
    known = found.model
    if (former === undefined || sameModel(former, found.model)) return false
    try {
      await listener(found.model)
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
    events.listenIn(dirname(absolute))
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
  listenIn(directory: string): void
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
  let current: { readonly directory: string; readonly watcher: FSWatcher } | undefined
  const close = (): void => {
    current?.watcher.close()
    current = undefined
  }
  const listenIn = (directory: string): void => {
    if (current?.directory === directory) return
    close()
    try {
      const watcher = watch(directory, { persistent: keepAlive })
      current = { directory, watcher }
      // Beside the model's link other files may be busy.
      const ours = directory === dirname(path) ? basename(path) : undefined
      watcher.on('change', (_, name) => {
        if (ours === undefined || name === null || name === ours) wake()
      })
      watcher.on('error', close)
    } catch {
      close()
    }
  }
  return { listenIn, close }
}
