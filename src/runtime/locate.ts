import { readdir, readlink, realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ModelError, systemCode } from './error.ts'
import { chooseLink, isTarget } from './links.ts'
import { MARKER_NAME, type ModelVersion, OWN_DIRECTORY, readMarker } from './marker.ts'

/** Where a path leads at this moment. */
export interface Location {
  /** The version's own directory, with no link in it. */
  readonly directory: string
  readonly version: ModelVersion | undefined
  /** The directory in which the link is replaced when the version changes. */
  readonly watched: string
}

/** The version was replaced while it was being looked at; looking again finds the new one. */
export const MOVED = Symbol('moved')

/**
 * Looks once. The path is resolved before and after the tree is looked at: a tree that is being removed has lost
 * files already, its marker perhaps first, and must not be taken for a plain directory.
 */
export async function locate(path: string, name: string | undefined): Promise<Location | typeof MOVED> {
  const root = await follow(path)
  const contents = await readContents(path, root)
  if (contents === MOVED) return MOVED
  if (contents === 'target') {
    const link = join(root, await chooseLink(path, { root, name }))
    const directory = await follow(link)
    return confirmed({ link, directory, watched: root, marked: true })
  }
  return confirmed({ link: path, directory: root, watched: dirname(path), marked: contents === 'tree' })
}

async function confirmed(found: {
  readonly link: string
  readonly directory: string
  readonly watched: string
  readonly marked: boolean
}): Promise<Location | typeof MOVED> {
  const { link, directory, watched } = found
  try {
    const version = found.marked ? await readMarker(directory) : undefined
    return (await realpath(link)) === directory ? { directory, version, watched } : MOVED
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return stillLeadsTo(link, directory)
  }
}

/** A marker that is not there: gone with its tree, or never delivered. */
async function stillLeadsTo(link: string, directory: string): Promise<typeof MOVED> {
  if ((await realpath(link).catch(() => undefined)) !== directory) return MOVED
  throw new ModelError(
    'DAMAGED',
    link,
    `${link} leads to ${directory}, which holds no whole version: deliver the model again with \`ballast mount\``,
  )
}

async function follow(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ELOOP') throw missing(path, `${path} is a link that leads back to itself`, error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
    const leads = await readlink(path).catch(() => undefined)
    const found =
      leads === undefined
        ? `there is nothing at ${path}`
        : `${path} leads to ${resolve(dirname(path), leads)}, which is not there`
    throw missing(path, found, error)
  }
}

function missing(path: string, found: string, cause?: unknown): ModelError {
  const help = 'embed the model into the image with `ballast embed`, or mount it with `ballast mount`'
  return new ModelError('MISSING', path, `${found}: ${help}`, { cause })
}

async function readContents(path: string, root: string): Promise<'tree' | 'target' | 'plain' | typeof MOVED> {
  try {
    const names = await readdir(root)
    if (names.includes(OWN_DIRECTORY)) return await readOwn(path, root)
    // What mkfs leaves at the root of a volume.
    if (names.some((name) => name !== 'lost+found')) return 'plain'
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') {
      throw missing(path, `${path} is a file where the model's directory is expected`, error)
    }
    if (systemCode(error) === 'ENOENT') return MOVED
    throw error
  }
  if ((await realpath(path).catch(() => undefined)) !== root) return MOVED
  throw new ModelError(
    'EMPTY',
    path,
    `nothing is mounted at ${path} (an empty directory): mount the model with \`ballast mount REF TARGET\`, ` +
      'or embed it into the image with `ballast embed`',
  )
}

async function readOwn(path: string, root: string): Promise<'tree' | 'target' | typeof MOVED> {
  const own = await readdir(join(root, OWN_DIRECTORY))
  if (own.includes(MARKER_NAME)) return 'tree'
  if (isTarget(own)) return 'target'
  if ((await realpath(path).catch(() => undefined)) !== root) return MOVED
  const found = `${join(path, OWN_DIRECTORY)} holds neither a version's ${MARKER_NAME} nor a following target's state.json`
  throw new ModelError(
    'DAMAGED',
    path,
    `${found}: deliver the model again with \`ballast mount\`, into a new directory`,
  )
}
