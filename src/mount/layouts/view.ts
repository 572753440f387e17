import { createHash, randomBytes } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { lstat, readdir, readFile, readlink, rm, symlink, utimes } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import {
  isPresent,
  isSystemError,
  listIfPresent,
  makeDirectory,
  syncDirectory,
  writeFileDurably,
} from '../../core/index.ts'
import { isGenerationId, isServerLayout, OWN_DIRECTORY, type ServerLayout } from '../../model/index.ts'
import { createIncoming } from '../incoming.ts'
import { DIRECTORY_MODE, FILE_MODE, GENERATIONS, INCOMING, VIEWS } from '../names.ts'
import type { ViewEntry, ViewPlan } from './layout.ts'

/**
 * Writes what a server is to find into a directory of its own, whole and durable before any link leads there, and returns what the
 * link has to lead to, relative to the target. The same plan always stands in the same place, and is never changed.
 */
export async function placeView(
  target: string,
  { layout, id, plan }: { readonly layout: ServerLayout; readonly id: string; readonly plan: ViewPlan },
): Promise<string> {
  const wanted = [...plan.entries].map(([path, entry]) => lineOf(path, entry)).sort()
  const hash = createHash('sha256').update(wanted.join('\n')).digest('hex').slice(0, 12)
  const place = `${VIEWS}/${layout}-${hash}/${id}`
  if (await isPresent(join(target, place))) {
    if (isDeepStrictEqual(await linesIn(join(target, place)), wanted)) {
      // Triton looks for something newer than what it has loaded, also where an older version is to come back.
      await touch(join(target, place))
      return place
    }
    // Somebody who may write to the target has been there.
    return write(target, {
      place: `${VIEWS}/${layout}-${hash}.${randomBytes(3).toString('hex')}/${id}`,
      plan,
    })
  }
  return write(target, { place, plan })
}

async function write(
  target: string,
  { place, plan }: { readonly place: string; readonly plan: ViewPlan },
): Promise<string> {
  const incoming = await createIncoming(join(target, OWN_DIRECTORY), INCOMING, DIRECTORY_MODE)
  try {
    const directories = new Set([incoming.tree])
    for (const [path, entry] of plan.entries) {
      const at = join(incoming.tree, path)
      await makeDirectory(dirname(at), DIRECTORY_MODE)
      directories.add(dirname(at))
      if ('text' in entry) await writeFileDurably(at, entry.text, { mode: FILE_MODE })
      else await symlink(linkText(path, entry), at)
    }
    for (const directory of [...directories].reverse()) await syncDirectory(directory)
    await makeDirectory(join(target, dirname(place)), DIRECTORY_MODE)
    await incoming.publish(join(target, place))
    return place
  } finally {
    await incoming.discard()
  }
}

/** From `.ballast/views/<key>/<id>/<path>` to `.ballast/versions/<id>/…`. */
function linkText(path: string, { id, path: below }: { readonly id: string; readonly path: string }): string {
  const up = '../'.repeat(3 + path.split('/').length - 1)
  return `${up}versions/${id}${below === '' ? '' : `/${below}`}`
}

function lineOf(path: string, entry: ViewEntry): string {
  return 'text' in entry ? `${path}: ${entry.text}` : `${path} -> ${linkText(path, entry)}`
}

async function linesIn(view: string): Promise<readonly string[]> {
  const lines: string[] = []
  for (const entry of await entriesIn(view)) {
    const at = join(entry.parentPath, entry.name)
    const path = relative(view, at)
    if (entry.isSymbolicLink()) lines.push(`${path} -> ${await readlink(at)}`)
    else if (!entry.isDirectory()) lines.push(`${path}: ${await readFile(at, 'utf8')}`)
  }
  return lines.sort()
}

/** Without types it would go through links. */
function entriesIn(view: string): Promise<readonly Dirent[]> {
  return readdir(view, { recursive: true, withFileTypes: true })
}

/** The layout of what a link leads to; undefined for a version's own directory, and for no link. */
export function layoutOfLink(to: string | undefined): ServerLayout | undefined {
  const layout = to?.startsWith(`${VIEWS}/`) === true ? to.slice(VIEWS.length + 1).split('-')[0] : undefined
  return isServerLayout(layout) ? layout : undefined
}

/** Where the version is to which a link leads, by the path that the link comes to: from a view it is the one that gave it its name. */
export function treeOfView(path: string): string {
  const [, target, id] = /^(.*)\/\.ballast\/views\/[^/]+\/([^/]+)$/.exec(path) ?? []
  return id === undefined ? path : `${target}/${GENERATIONS}/${id}`
}

/** Before a link leaves it: from now on counts how long it stays for those who are reading it. */
export async function leaveView(target: string, to: string | undefined): Promise<void> {
  if (to === undefined || layoutOfLink(to) === undefined) return
  await touch(dirname(join(target, to)))
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
  })
}

/**
 * Removes what no link leads to and what was left longer ago than that, and returns the versions that those which stay show. One is
 * not removed at once, since a server that is listing it would find fewer versions than there ever were.
 */
export async function retireViews(
  target: string,
  { linked, graceMs }: { readonly linked: readonly string[]; readonly graceMs: number },
): Promise<readonly string[]> {
  const shown: string[] = []
  for (const key of await listIfPresent(join(target, VIEWS))) {
    const place = join(target, VIEWS, key)
    const isLinked = linked.some((to) => to.startsWith(`${VIEWS}/${key}/`))
    const age = Date.now() - (await lstat(place)).mtimeMs
    // A time that is yet to come was written before the clock was set back.
    if (isLinked || Math.abs(age) < graceMs) shown.push(...(await versionsShown(place)))
    else await rm(place, { recursive: true, force: true })
  }
  return shown
}

async function versionsShown(place: string): Promise<readonly string[]> {
  const ids: string[] = []
  for (const entry of await entriesIn(place)) {
    const to = entry.isSymbolicLink() ? await readlink(join(entry.parentPath, entry.name)) : ''
    const id = /^(?:\.\.\/)+versions\/([^/]+)/.exec(to)?.[1]
    if (id !== undefined && isGenerationId(id)) ids.push(id)
  }
  return ids
}
