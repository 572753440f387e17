import fs from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

export type Code = 'ENOSPC' | 'EIO' | 'EROFS' | 'EACCES'

export interface Fault {
  /** The n-th call that this code can hit fails, counted from 1; 0 for none, to count. */
  readonly at: number
  readonly code: Code
  /** And all that it can hit from then on: a disk that stays full, a file system that has gone read-only. */
  readonly lasting: boolean
}

type Effect = 'takes room' | 'changes' | 'reads'

const EFFECTS: Readonly<Record<string, Effect>> = {
  appendFile: 'takes room',
  copyFile: 'takes room',
  link: 'takes room',
  mkdir: 'takes room',
  rename: 'takes room',
  symlink: 'takes room',
  writeFile: 'takes room',
  write: 'takes room',
  sync: 'takes room',
  datasync: 'takes room',
  chmod: 'changes',
  rm: 'changes',
  rmdir: 'changes',
  truncate: 'changes',
  unlink: 'changes',
  utimes: 'changes',
  access: 'reads',
  lstat: 'reads',
  read: 'reads',
  readdir: 'reads',
  readFile: 'reads',
  readlink: 'reads',
  realpath: 'reads',
  stat: 'reads',
}

const HITS: Readonly<Record<Code, readonly Effect[]>> = {
  ENOSPC: ['takes room'],
  EROFS: ['takes room', 'changes'],
  EACCES: ['takes room', 'changes', 'reads'],
  EIO: ['takes room', 'changes', 'reads'],
}

let fault: Fault = { at: 0, code: 'EIO', lasting: false }
let below = ''
let calls = 0

/** From now on calls on paths below `root` are counted, and the fault's one fails. */
export function arm(root: string, next: Fault): void {
  below = root
  fault = next
  calls = 0
}

/** How many calls there have been that the fault's code could hit. */
export function disarm(): number {
  below = ''
  return calls
}

function failure(effect: Effect, syscall: string, path: unknown): Error | undefined {
  if (below === '' || typeof path !== 'string' || !path.startsWith(below)) return undefined
  if (!HITS[fault.code].includes(effect)) return undefined
  calls++
  const isHit = fault.at > 0 && (calls === fault.at || (fault.lasting && calls > fault.at))
  if (!isHit) return undefined
  const error = new Error(`${fault.code}: injected, ${syscall} '${path}'`)
  return Object.assign(error, { code: fault.code, syscall, path })
}

// biome-ignore lint/complexity/noBannedTypes: any method of the module
type Methods = Record<string, Function>

const pathOf = new WeakMap<object, string>()

function wrap(
  object: Methods,
  names: readonly string[],
  pathFrom: (self: unknown, args: unknown[]) => unknown,
) {
  for (const name of names) {
    const original = object[name]
    if (original === undefined) continue
    object[name] = function faulty(this: unknown, ...args: unknown[]): unknown {
      const isOpen = pathOf.has(Object(this))
      // What is open cannot be forbidden any more.
      const mayFail = !isOpen || fault.code !== 'EACCES'
      const error = mayFail ? failure(EFFECTS[name] ?? 'reads', name, pathFrom(this, args)) : undefined
      // A failure of a call on an open file names no path.
      if (error !== undefined && isOpen) delete (error as { path?: string }).path
      return error === undefined ? Reflect.apply(original, this, args) : Promise.reject(error)
    }
  }
}

function effectOfOpening(flags: unknown): Effect {
  return flags === undefined || flags === 'r' ? 'reads' : 'takes room'
}

/** Puts itself before node's calls, once, for the whole process. */
export async function install(): Promise<void> {
  const { open } = promises
  const handle: FileHandle = await open(new URL(import.meta.url), 'r')
  const methods = ['chmod', 'sync', 'datasync', 'utimes', 'write', 'writeFile', 'read', 'stat', 'truncate']
  wrap(Object.getPrototypeOf(handle) as Methods, methods, (self) => pathOf.get(Object(self)))
  await handle.close()
  wrap(promises as unknown as Methods, Object.keys(EFFECTS), (_, args) => args[0])
  promises.open = async function faultyOpen(path, flags, ...rest) {
    const error = failure(effectOfOpening(flags), 'open', path)
    if (error !== undefined) throw error
    const opened: FileHandle = await Reflect.apply(open, promises, [path, flags, ...rest])
    pathOf.set(opened, String(path))
    return opened
  } as typeof open
  const openForStream = fs.open
  // biome-ignore lint/suspicious/noExplicitAny: what a stream passes on
  fs.open = function faultyStream(path: string, ...rest: any[]): void {
    const error = failure('reads', 'open', path)
    if (error === undefined) Reflect.apply(openForStream, fs, [path, ...rest])
    else process.nextTick(rest.at(-1), error)
  } as typeof fs.open
  syncBuiltinESMExports()
}
