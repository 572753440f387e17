import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Enough to tell, later and from another process, whether this process still runs. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in clock ticks since boot: tells a process from a later one with the same pid. */
  readonly started: string
  /** Boot and pid namespace: outside of them a pid says nothing. */
  readonly scope: string
}

let own: ProcessIdentity | undefined

export function ownIdentity(): ProcessIdentity {
  own ??= { pid: process.pid, started: lookAt(process.pid)?.started ?? '', scope: scope() }
  return own
}

/** `unknown` where the process belongs to another host, boot or pid namespace, and cannot be looked at from here. */
export function lifeOf(identity: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (identity.scope !== ownIdentity().scope) return 'unknown'
  const started = startOf(identity.pid)
  if (started === undefined) return 'dead'
  return started === '' || identity.started === '' || started === identity.started ? 'alive' : 'dead'
}

const TICK_MS = 10
/** The coarsest clock of a file system. */
const SLACK_MS = 2000

/**
 * Whether a process of that number runs, and had begun by the time, in milliseconds since the epoch: one that began later has the
 * number of one that has ended. Where the system does not tell when it began, whether one runs.
 */
export function runsSince(pid: number, time: number): boolean {
  const started = startOf(pid)
  const own = ownIdentity().started
  if (started === undefined || started === '' || own === '') return started !== undefined
  const began = performance.timeOrigin + (Number(started) - Number(own)) * TICK_MS
  return began <= time + SLACK_MS
}

/** In clock ticks since boot; empty where the system does not tell, undefined where no such process runs. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return undefined
  }
  const { state, started = '' } = lookAt(pid) ?? {}
  // A killed process whose parent has not asked for it yet still has its pid, for ever under a careless PID 1.
  return state === 'Z' || state === 'X' ? undefined : started
}

export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, started, scope } = value as Record<string, unknown>
  if (typeof pid !== 'number' || typeof started !== 'string' || typeof scope !== 'string') return undefined
  return { pid, started, scope }
}

/** Fields 3 and 22 of /proc/PID/stat (proc(5)); the second may hold spaces, hence the cut at the last bracket. */
function lookAt(pid: number): { readonly state: string; readonly started: string } | undefined {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields && { state: fields[0] ?? '', started: fields[19] ?? '' }
}

function scope(): string {
  const boot = readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const namespace = readOr(() => readlinkSync('/proc/self/ns/pid'))
  return [boot ?? hostname(), namespace ?? 'no-namespace'].join(' ')
}

function readOr(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
