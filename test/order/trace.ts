import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/**
 * One call that changes the disk or makes it durable. It took effect somewhere between `start` and `end`, which count
 * the lines of the trace: calls of several threads overlap.
 */
export type Event = { readonly start: number; readonly end: number } & (
  | { readonly kind: 'write' | 'sync' | 'create' | 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly path: string }
  | { readonly kind: 'link'; readonly from: string; readonly path: string }
  | { readonly kind: 'symlink' | 'mkdir'; readonly path: string }
)

const CALLS = [
  'openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,sendfile,splice',
  'fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat',
  'ioctl,mmap,io_uring_setup',
].join(',')

const SOURCE = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Traced {
  /** Ends it as a user would; its trace is whole afterwards. It is stopped in any case when the test ends. */
  readonly stop: () => void
  readonly stdout: () => string
  /** Rejects when the command does not succeed. */
  readonly ended: Promise<readonly Event[]>
}

/** The command from its sources under `strace`, which writes every call to `file`. */
export function trace(
  t: TestContext,
  args: readonly string[],
  { file, store }: { readonly file: string; readonly store: string },
): Traced {
  const options = ['--seccomp-bpf', '-f', '-y', '-s', '8', '-e', `trace=${CALLS}`, '-o', file]
  const child = spawn('strace', [...options, process.execPath, SOURCE, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // What goes through io_uring is no system call that could be seen.
    env: { ...process.env, BALLAST_STORE: store, UV_USE_IO_URING: '0' },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<readonly Event[]>((succeed, fail) => {
    child.once('error', fail)
    child.once('close', (code) => {
      if (code === 0) succeed(readFile(file, 'utf8').then(parseTrace))
      else fail(new Error(`ballast ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`))
    })
  })
  const stop = (): void => {
    if (child.exitCode !== null) return
    // The signal is for the command; strace would only let go of it.
    process.kill(Number.parseInt(readFileSync(file, 'utf8'), 10), 'SIGTERM')
  }
  t.after(stop)
  // Whoever stops it need not wait for it.
  ended.catch(() => undefined)
  return { stop, stdout: () => stdout, ended }
}

/** The calls that succeeded, by their start. Throws for a trace in which calls could be missing. */
export function parseTrace(text: string): readonly Event[] {
  const unfinished = new Map<string, { readonly start: number; readonly head: string }>()
  const events: Event[] = []
  for (const [at, line] of text.split('\n').entries()) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const cut = /^(.*) <unfinished \.\.\.>$/.exec(rest)
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest)
    if (cut !== null) {
      unfinished.set(pid, { start: 2 * at, head: cut[1] ?? '' })
      continue
    }
    const begun = resumed === null ? undefined : unfinished.get(pid)
    const whole = begun === undefined ? rest : `${begun.head}${resumed?.[1] ?? ''}`
    const span = { start: begun?.start ?? 2 * at, end: 2 * at + 1 }
    for (const event of eventsOf(whole)) events.push({ ...event, ...span } as Event)
  }
  return events.sort((a, b) => a.start - b.start)
}

type Bare = Event extends infer E ? (E extends Event ? Omit<E, 'start' | 'end'> : never) : never

function eventsOf(call: string): readonly Bare[] {
  const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\) += (\S.*)$/.exec(call) ?? []
  // Without a thread of the kernel's own it only collects what is to be watched.
  if (name === 'io_uring_setup' && args.includes('IORING_SETUP_SQPOLL'))
    throw new Error('the trace is not whole: io_uring was used')
  if (result === '' || result.startsWith('-1')) return []
  // What is written stands among the arguments too.
  const [first, second] = pathsOf(name.includes('write') ? args.replaceAll(/"(?:[^"\\]|\\.)*"/g, '') : args)
  if (first === undefined) return []
  switch (name) {
    case 'open':
    case 'openat':
    case 'creat':
      return opened(name === 'creat' ? 'O_CREAT|O_TRUNC' : args, first)
    case 'write':
    case 'pwrite64':
    case 'writev':
    case 'pwritev':
    case 'pwritev2':
    case 'truncate':
    case 'ftruncate':
    case 'fallocate':
    case 'sendfile':
      return [{ kind: 'write', path: first }]
    case 'copy_file_range':
    case 'splice':
      return second === undefined ? [] : [{ kind: 'write', path: second }]
    case 'ioctl':
      return args.includes('FICLONE') ? [{ kind: 'write', path: first }] : []
    case 'mmap':
      return args.includes('PROT_WRITE') && args.includes('MAP_SHARED')
        ? [{ kind: 'write', path: first }]
        : []
    case 'fsync':
    case 'fdatasync':
      return [{ kind: 'sync', path: first }]
    case 'rename':
    case 'renameat':
    case 'renameat2':
      return second === undefined ? [] : [{ kind: 'rename', from: first, path: second }]
    case 'link':
    case 'linkat':
      return second === undefined ? [] : [{ kind: 'link', from: first, path: second }]
    case 'symlink':
    case 'symlinkat':
      return second === undefined ? [] : [{ kind: 'symlink', path: second }]
    case 'unlink':
    case 'unlinkat':
    case 'rmdir':
      return [{ kind: 'remove', path: first }]
    case 'mkdir':
    case 'mkdirat':
      return [{ kind: 'mkdir', path: first }]
    default:
      throw new Error(`a call that is not understood: ${call}`)
  }
}

function opened(flags: string, path: string): readonly Bare[] {
  const events: Bare[] = []
  if (flags.includes('O_CREAT')) events.push({ kind: 'create', path })
  if (flags.includes('O_TRUNC')) events.push({ kind: 'write', path })
  return events
}

/** Names that are arguments, in order; one after a directory's descriptor is resolved in it. */
function pathsOf(args: string): readonly string[] {
  const paths: string[] = []
  let directory: string | undefined
  for (const [, quoted, descriptor] of args.matchAll(/"((?:[^"\\]|\\.)*)"(?!\.\.\.)|[\w]+<([^>]*)>/g)) {
    if (quoted !== undefined) {
      if (directory !== undefined) paths.pop()
      paths.push(resolve(directory ?? '/', quoted))
      directory = undefined
    } else if (descriptor?.startsWith('/')) {
      directory = descriptor.replace(/ \(deleted\)$/, '')
      paths.push(directory)
    } else {
      // A pipe or socket keeps its place.
      directory = undefined
      paths.push(descriptor ?? '')
    }
  }
  return paths
}
