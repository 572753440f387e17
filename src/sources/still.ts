import { setTimeout as sleep } from 'node:timers/promises'
import { BallastError, type Digest, digestOf, isBallastError, throwIfAborted } from '../core/index.ts'
import { RACY_MS } from './known-files.ts'
import type { Scan } from './local-files.ts'
import { findWriter } from './writers.ts'

/** What is written this shortly before may be followed by more, and could not be told from it by the clock of the file system. */
export const QUIET_MS = RACY_MS
export const WAIT_MS = 30_000
const POLL_MS = 200

export interface StillOptions {
  /** For how long nothing has to have changed, in milliseconds. */
  readonly quietMs?: number | undefined
  /** How long to wait for that at most, in milliseconds. */
  readonly waitMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Still<S extends Scan> {
  readonly scan: S
  /** Throws REFUSED (retryable) unless the files are what they were, all the same ones, and nobody writes to them. */
  readonly confirm: () => Promise<void>
}

/**
 * Does the work with files that nobody is writing to: they have not changed for a while, and no process has them open for
 * writing. The work confirms before it relies on what it has read; where the files have changed it is done again. Throws
 * REFUSED (retryable) where there is no such moment in time, and what `find` and the work throw.
 */
export async function whenStill<S extends Scan, T>(
  find: () => Promise<S>,
  work: (still: Still<S>) => Promise<T>,
  { quietMs = QUIET_MS, waitMs = WAIT_MS, signal }: StillOptions = {},
): Promise<T> {
  const deadline = performance.now() + waitMs
  for (;;) {
    try {
      const scan = await waitUntilStill(find, { quietMs, deadline, signal })
      const state = stateOfScan(scan)
      const confirm = async (): Promise<void> => {
        const now = await find()
        if (stateOfScan(now) !== state) throw changed(differing(scan, now))
        await refuseWriters(now)
      }
      return await work({ scan, confirm })
    } catch (error) {
      const passes = isBallastError(error) && error.retryable && performance.now() < deadline
      if (!passes) throw error
      await pause(signal)
    }
  }
}

/** Equal as long as no file has come, gone or been written to. */
export function stateOfScan({ files }: Scan): Digest {
  const lines = files.map(({ path, place, state: { device, inode, size, changedNs, statusNs } }) =>
    JSON.stringify([path, place, ...[device, inode, size, changedNs, statusNs].map(String)]),
  )
  return digestOf(lines.join('\n'))
}

interface Waiting {
  readonly quietMs: number
  /** By `performance.now()`. */
  readonly deadline: number
  readonly signal: AbortSignal | undefined
}

async function waitUntilStill<S extends Scan>(
  find: () => Promise<S>,
  { quietMs, deadline, signal }: Waiting,
): Promise<S> {
  let seen: { readonly state: Digest; readonly since: number } | undefined
  for (;;) {
    throwIfAborted(signal)
    try {
      const scan = await find()
      const state = stateOfScan(scan)
      if (seen?.state !== state) seen = { state, since: performance.now() }
      const newest = newestOf(scan)
      // By the clocks, or, where they differ, by what was seen.
      const isQuiet = quietMs <= Math.max(Date.now() - newest.changedMs, performance.now() - seen.since)
      // At the end it is worth knowing who it is.
      if (isQuiet || performance.now() >= deadline) await refuseWriters(scan)
      if (!isQuiet) throw tooNew(newest.path, quietMs)
      return scan
    } catch (error) {
      const isGone = seen !== undefined && isBallastError(error, 'NOT_FOUND')
      const passes = isGone || (isBallastError(error) && error.retryable)
      if (!passes || performance.now() >= deadline) throw error
    }
    await pause(signal)
  }
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  await sleep(POLL_MS, undefined, signal && { signal }).catch(() => undefined)
}

function newestOf({ files }: Scan): { readonly path: string; readonly changedMs: number } {
  let newest = { path: '', changedMs: Number.NEGATIVE_INFINITY }
  for (const { path, state } of files) {
    const changedMs = Math.max(...[state.statusNs, state.changedNs].map((ns) => Number(ns / 1_000_000n)))
    if (changedMs > newest.changedMs) newest = { path, changedMs }
  }
  return newest
}

async function refuseWriters({ files }: Scan): Promise<void> {
  const writer = await findWriter(files)
  if (writer === undefined) return
  throw new BallastError('REFUSED', `${writer.path} is open for writing: ${writer.process}`, {
    hint: `wait until it is closed (--wait SECONDS), or leave it out: --exclude ${JSON.stringify(writer.path)}`,
    retryable: true,
  })
}

function tooNew(path: string, quietMs: number): BallastError {
  return new BallastError('REFUSED', `${path} was written to less than ${quietMs / 1000} s ago`, {
    hint: 'run the command again when it is whole, wait longer (--wait SECONDS), or leave it out (--exclude)',
    retryable: true,
  })
}

function changed(path: string): BallastError {
  return new BallastError('REFUSED', `${path} changed while it was captured`, {
    hint: 'run the command again when nothing writes there, or have it wait for that: --quiet-for SECONDS',
    retryable: true,
  })
}

/** One of the files that make the difference. */
function differing(before: Scan, after: Scan): string {
  const states = new Map(before.files.map((file) => [file.path, stateOfScan({ files: [file], skipped: [] })]))
  for (const file of after.files) {
    if (states.get(file.path) !== stateOfScan({ files: [file], skipped: [] })) return file.path
    states.delete(file.path)
  }
  return states.keys().next().value ?? 'the directory'
}
