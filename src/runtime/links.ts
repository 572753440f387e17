import { lstat, readdir, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ModelError } from './error.ts'
import { MARKER_NAME, OWN_DIRECTORY } from './marker.ts'

/** Where a following target has its versions, below its root. */
export const VERSIONS = join(OWN_DIRECTORY, 'versions')

/** One link of a following target. */
export interface TargetLink {
  /** The target's directory, with no link in it. */
  readonly root: string
  readonly name: string
}

/**
 * The link that stands behind the path: the path itself, or the one in the target that the path is. Undefined where
 * there is none: an embedded or pinned model, a plain directory, or nothing. Throws ModelError AMBIGUOUS and EMPTY.
 */
export async function findLink(path: string, name: string | undefined): Promise<TargetLink | undefined> {
  let at = path
  for (let hops = 0; hops < MOST_HOPS; hops++) {
    const parent = await realpath(dirname(at)).catch(() => undefined)
    if (parent === undefined) return undefined
    const leads = await readlink(at).catch(() => undefined)
    if (leads === undefined) return findInTarget(path, { root: await realpath(at).catch(() => ''), name })
    if (dirname(leads) === VERSIONS) return { root: parent, name: basename(at) }
    at = resolve(parent, leads)
  }
  return undefined
}

/** As many as Linux follows. */
const MOST_HOPS = 40

async function findInTarget(
  path: string,
  { root, name }: { readonly root: string; readonly name: string | undefined },
): Promise<TargetLink | undefined> {
  const own = await readdir(join(root, OWN_DIRECTORY)).catch((): string[] => [])
  if (root === '' || own.includes(MARKER_NAME) || !isTarget(own)) return undefined
  return { root, name: await chooseLink(path, { root, name }) }
}

/** Whether a directory whose `.ballast` holds these names is a following target. */
export function isTarget(own: readonly string[]): boolean {
  return own.includes('state.json') || own.includes('versions')
}

/** The links are the truth: the target's record is written after them. */
export async function chooseLink(
  path: string,
  { root, name }: { readonly root: string; readonly name: string | undefined },
): Promise<string> {
  const links = await listLinks(root)
  if (links.length === 0) {
    throw new ModelError(
      'EMPTY',
      path,
      `${path} is prepared for a model, but none has been delivered: run \`ballast mount REF ${path} --follow\``,
    )
  }
  const wanted = name === undefined ? links : links.filter((link) => link === name)
  const [only, ...others] = wanted
  if (only !== undefined && others.length === 0) return only
  const found = `${path} holds ${links.join(', ')}`
  throw new ModelError(
    'AMBIGUOUS',
    path,
    name === undefined
      ? `${found}: pass one of them as { name }, or use ${join(path, links[0] ?? '')} as the path`
      : `${found}, but not ${name}: pass one of them as { name }`,
  )
}

async function listLinks(root: string): Promise<readonly string[]> {
  const links: string[] = []
  for (const name of (await readdir(root)).sort()) {
    const path = join(root, name)
    if (!(await lstat(path).catch(() => undefined))?.isSymbolicLink()) continue
    const leads = await readlink(path).catch(() => '')
    if (dirname(leads) === VERSIONS) links.push(name)
  }
  return links
}
