import { readdir, readFile, readlink } from 'node:fs/promises'

/** One line of /proc/PID/mountinfo (proc(5)). Device and root say what is mounted, whatever the place. */
export interface MountEntry {
  /** `8:1` */
  readonly device: string
  /** The directory within its file system. */
  readonly root: string
  readonly mountPoint: string
  readonly options: readonly string[]
}

/** What this process sees mounted, in order; the last of several at one place counts. */
export async function ownMounts(): Promise<readonly MountEntry[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** What is mounted at the path; undefined for an ordinary directory. */
export async function mountAt(path: string): Promise<MountEntry | undefined> {
  return (await ownMounts()).findLast(({ mountPoint }) => mountPoint === path)
}

/**
 * What is mounted in any mount namespace of the host, those of containers included: what runs with a model still has it
 * here, whatever any count says. To be called as root; processes that end meanwhile are left out.
 */
export async function allMounts(): Promise<readonly MountEntry[]> {
  const seen = new Set<string>()
  const found: MountEntry[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    try {
      const namespace = await readlink(`/proc/${pid}/ns/mnt`)
      if (seen.has(namespace)) continue
      const entries = parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'))
      seen.add(namespace)
      found.push(...entries)
    } catch {
      // It has ended.
    }
  }
  return found
}

export function parseMountinfo(text: string): readonly MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [, , device, root, mountPoint, options] = line.split(' ')
    if (device === undefined || root === undefined || mountPoint === undefined) return []
    return [{ device, root: plain(root), mountPoint: plain(mountPoint), options: (options ?? '').split(',') }]
  })
}

/** Spaces and the like are written as octal numbers. */
function plain(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return bytes
}
