import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import type { SourceFile } from './local-files.ts'

/** A process that can write to a file at this moment. */
export interface Writer {
  /** The file's path in the model. */
  readonly path: string
  /** `python3 (process 4711)` */
  readonly process: string
}

/**
 * A process that has one of the files open for writing, or mapped so; also one in a container, which calls the file by
 * another name. Undefined where none is found: those of other users are seen by root only, and nothing is on other systems
 * than Linux.
 */
export async function findWriter(files: readonly SourceFile[]): Promise<Writer | undefined> {
  if (process.platform !== 'linux') return undefined
  const paths: Paths = new Map(files.map(({ path, state }) => [`${state.device}:${state.inode}`, path]))
  for (const pid of await names('/proc')) {
    if (!/^\d+$/.test(pid) || pid === `${process.pid}`) continue
    const key = (await openedBy(pid, paths)) ?? (await mappedBy(pid, paths))
    const path = key === undefined ? undefined : paths.get(key)
    if (path === undefined) continue
    const name = (await text(`/proc/${pid}/comm`)).trim()
    return { path, process: `${name} (process ${pid})` }
  }
  return undefined
}

type Paths = ReadonlyMap<string, string>

async function openedBy(pid: string, paths: Paths): Promise<string | undefined> {
  for (const fd of await names(`/proc/${pid}/fd`)) {
    const place = `/proc/${pid}/fd/${fd}`
    // Pipes, sockets and the like are called otherwise.
    if (!(await readlink(place).catch(() => '')).startsWith('/')) continue
    const info = await stat(place, { bigint: true }).catch(() => undefined)
    const key = `${info?.dev}:${info?.ino}`
    if (!paths.has(key)) continue
    // proc_pid_fdinfo(5): the flags of open(2), in octal; the last two bits say whether for reading only.
    const [, flags] = /^flags:\s*([0-7]+)/m.exec(await text(`/proc/${pid}/fdinfo/${fd}`)) ?? []
    if (flags !== undefined && (Number.parseInt(flags, 8) & 3) !== 0) return key
  }
  return undefined
}

/** A mapping outlives the descriptor that it was made with (`numpy.memmap` closes it at once). */
async function mappedBy(pid: string, paths: Paths): Promise<string | undefined> {
  const maps = await text(`/proc/${pid}/maps`)
  for (const [, major, minor, inode] of maps.matchAll(/^\S+ .w.s \S+ ([0-9a-f]+):([0-9a-f]+) ([1-9]\d*)/gm)) {
    const key = `${deviceOf(major as string, minor as string)}:${inode}`
    if (paths.has(key)) return key
  }
  return undefined
}

/** As stat(2) has it (makedev(3)). */
function deviceOf(major: string, minor: string): bigint {
  const [a, b] = [BigInt(`0x${major}`), BigInt(`0x${minor}`)]
  return ((a & ~0xfffn) << 32n) | ((a & 0xfffn) << 8n) | ((b & ~0xffn) << 12n) | (b & 0xffn)
}

/** Nothing of a process that has ended, or that is another user's. */
function names(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => [])
}

function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
