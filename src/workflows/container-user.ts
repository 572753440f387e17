import type { CallOptions } from '../core/index.ts'
import type { Engine } from '../docker/index.ts'
import { findInContainer, headerInContainer, readFileInContainer } from './container-files.ts'

/** Who a container's process is. `name` is for people. */
export interface ContainerUser {
  readonly name: string
  readonly uid: number
  readonly gids: readonly number[]
}

/** `user` as `docker run --user` takes it; undefined where the container has no such name. */
export async function userOf(
  engine: Engine,
  { id, user }: { readonly id: string; readonly user: string },
  options: CallOptions = {},
): Promise<ContainerUser | undefined> {
  const [name = '', group = ''] = user.split(':')
  if (name === '' || name === '0' || name === 'root') return { name: 'root', uid: 0, gids: [0] }
  const passwd = await linesOf(engine, { id, path: '/etc/passwd' }, options)
  const groups = await linesOf(engine, { id, path: '/etc/group' }, options)
  const entry = passwd.find(([login, , uid]) => login === name || uid === name)
  const uid = /^\d+$/.test(name) ? Number(name) : Number(entry?.[2] ?? Number.NaN)
  if (Number.isNaN(uid)) return undefined
  const own = groups.find(([called]) => called === group)?.[2] ?? group
  const primary = group === '' ? (entry?.[3] ?? '0') : own
  const others = groups.flatMap(([, , gid = '', members = '']) =>
    entry !== undefined && members.split(',').includes(entry[0] ?? '') ? [gid] : [],
  )
  return { name: user, uid, gids: [primary, ...others].map(Number) }
}

async function linesOf(
  engine: Engine,
  place: { readonly id: string; readonly path: string },
  options: CallOptions,
): Promise<readonly (readonly string[])[]> {
  const text = (await readFileInContainer(engine, place, options))?.toString('utf8') ?? ''
  return text.split('\n').map((line) => line.split(':'))
}

/** So many files are looked at; those of one delivery have one mode. */
const MOST_FILES = 200

/**
 * The first path that keeps the user from the files, and why; undefined where they can be read. By permission bits alone:
 * an access list or SELinux may say otherwise.
 */
export async function whyUnreadable(
  engine: Engine,
  {
    id,
    tree,
    files,
    user,
  }: {
    readonly id: string
    readonly tree: string
    readonly files: readonly string[]
    readonly user: ContainerUser
  },
  options: CallOptions = {},
): Promise<string | undefined> {
  if (user.uid === 0) return undefined
  const directories = new Set<string>()
  const paths = files.slice(0, MOST_FILES).map((file) => `${tree}/${file}`)
  for (const path of [...paths, `${tree}/.`]) {
    const parts = path.split('/').slice(1, -1)
    for (let depth = 1; depth <= parts.length; depth++) directories.add(`/${parts.slice(0, depth).join('/')}`)
  }
  const wanted = [
    ...[...directories].map((path) => ({ path, bit: 1, what: 'entered' })),
    ...paths.map((path) => ({ path, bit: 4, what: 'read' })),
  ]
  for (const { path, bit, what } of wanted) {
    const found = await findInContainer(engine, { id, path }, options)
    if (found === undefined || (found.mode & bit) !== 0) continue
    const header = await headerInContainer(engine, { id, path: found.path }, options)
    if (header !== undefined && !allows(header, { bit, user })) {
      const mode = header.mode.toString(8).padStart(4, '0')
      return `${path} cannot be ${what} by the user ${user.name} (mode ${mode}, owner ${header.uid}:${header.gid})`
    }
  }
  return undefined
}

/** The owner's bits count for the owner, the group's for the group, and the rest for the rest. */
export function allows(
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  { bit, user }: { readonly bit: number; readonly user: ContainerUser },
): boolean {
  if (user.uid === 0) return true
  if (uid === user.uid) return (mode & (bit << 6)) !== 0
  if (user.gids.includes(gid)) return (mode & (bit << 3)) !== 0
  return (mode & bit) !== 0
}
