import { randomBytes } from 'node:crypto'
import { readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BallastError, discard, isSystemError, syncDirectory } from '../core/index.ts'
import { isServerLayout, OWN_DIRECTORY, type ServerLayout, type Version } from '../model/index.ts'
import { GENERATIONS, TEMPORARY_LINK, VIEWS } from './names.ts'

/** What the link leads to, from the link itself; undefined when there is none. */
export async function currentGeneration(target: string, name: string): Promise<string | undefined> {
  try {
    return basename(await readlink(join(target, name)))
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'EINVAL')) return undefined
    throw error
  }
}

/** What stands at a target's root: by name, what a link leads to, and an empty text for an entry that is no link. */
export type TargetRoot = ReadonlyMap<string, string>

export async function readRoot(target: string): Promise<TargetRoot> {
  const root = new Map<string, string>()
  for (const name of await readdir(target)) {
    const to = await whatIsAt(join(target, name))
    if (to !== undefined) root.set(name, to)
  }
  return root
}

/** Which version the link leads to; undefined where there is no link to one. */
export function linkedGeneration(root: TargetRoot, name: string): string | undefined {
  const to = root.get(name)
  return to !== undefined && leadsToVersion(to) ? basename(to) : undefined
}

/** To its directory, or to what a server finds of it. */
function leadsToVersion(to: string): boolean {
  return to.startsWith(`${GENERATIONS}/`) || to.startsWith(`${VIEWS}/`)
}

/** The names that lead to versions, sorted: the truth also where the state that tells of them has not been written yet. */
export function linkedNames(root: TargetRoot): readonly string[] {
  return [...root.keys()].filter((name) => linkedGeneration(root, name) !== undefined).sort()
}

/** What Ballast has put there, links of files before those of the directories through which they lead. */
export function ownLinks(root: TargetRoot): readonly string[] {
  const directories = linkedNames(root)
  const files = [...root].flatMap(([name, to]) => {
    const [owner = '', file] = to.split('/')
    // A first mount that was killed leaves the file's link without the directory's.
    const isOurs = directories.includes(owner) || !root.has(owner)
    return isOurs && to === `${owner}/${file}` && file === name ? [name] : []
  })
  return [...files, ...directories]
}

/** Makes the name lead to `to`, relative to the target, by one rename. */
export async function swapLink(
  target: string,
  { name, to }: { readonly name: string; readonly to: string },
): Promise<void> {
  const temporary = join(target, OWN_DIRECTORY, `${TEMPORARY_LINK}${randomBytes(6).toString('hex')}`)
  try {
    await symlink(to, temporary)
    await rename(temporary, join(target, name))
  } catch (error) {
    await discard(temporary)
    throw error
  }
  await syncDirectory(target)
}

/**
 * Where a version's files are found: below the directory link alone, a single one also beside it (`link`); all of them also beside it
 * (`flat`); or as a model server looks for them.
 */
export type Layout = 'link' | 'flat' | ServerLayout

/** What else a link is called, and what it leads to. */
export interface LinkOptions {
  readonly name: string
  readonly layout?: Layout | undefined
}

/**
 * A model of one file is found under its own name too, through the directory link, so both move by the same rename; so is
 * each entry of a flat one.
 */
export function fileLinksOf({ files }: Version, { name, layout }: LinkOptions): readonly string[] {
  if (layout === 'flat') return [...new Set(files.map(({ path }) => path.split('/')[0] as string))]
  if (isServerLayout(layout)) return []
  const [only, ...others] = files
  if (only === undefined || others.length > 0 || only.path.includes('/') || only.path === name) return []
  return [only.path]
}

export async function ensureFileLink(
  target: string,
  { file, name }: { readonly file: string; readonly name: string },
): Promise<void> {
  const to = `${name}/${file}`
  if ((await readlink(join(target, file)).catch(() => undefined)) === to) return
  await swapLink(target, { name: file, to })
}

/** Only what is still the link that Ballast made. */
export async function removeFileLink(
  target: string,
  { file, name }: { readonly file: string; readonly name: string },
): Promise<void> {
  if ((await whatIsAt(join(target, file))) === `${name}/${file}`) await rm(join(target, file))
}

/** Throws USAGE. To be called before the name becomes part of any path. */
export function checkLinkName(name: string): void {
  if (!['', '.', '..', OWN_DIRECTORY].includes(name) && !/[/\0]/.test(name)) return
  throw new BallastError('USAGE', `${JSON.stringify(name)} cannot be the name of a link`, {
    hint: 'choose another --as',
  })
}

/** Throws CONFLICT where something of others is in the way. */
export function refuseForeignNames(
  root: TargetRoot,
  {
    target,
    name,
    files,
  }: { readonly target: string; readonly name: string; readonly files: readonly string[] },
): void {
  const isFree = (link: string): boolean => {
    const to = root.get(link)
    return to === undefined || (link === name ? leadsToVersion(to) : to.startsWith(`${name}/${link}`))
  }
  for (const link of [name, ...files]) {
    if (isFree(link)) continue
    throw new BallastError('CONFLICT', `${target}/${link} is in the way, and was not put there by Ballast`, {
      hint: 'nothing was changed; move it away, or choose another name with --as',
    })
  }
}

/** A link's text, nothing for an entry that is no link, undefined where nothing is. */
export async function whatIsAt(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    if (isSystemError(error, 'EINVAL')) return ''
    throw error
  }
}

/**
 * The links at the target's root that a version gets beside its directory link. The file link of one model is not taken
 * from it by another model that has a file of the same name. Throws CONFLICT where a flat one needs it.
 */
export function freeFileLinks(
  root: TargetRoot,
  { target, version, ...options }: LinkOptions & { readonly target: string; readonly version: Version },
): readonly string[] {
  const { name, layout } = options
  return fileLinksOf(version, options).filter((file) => {
    if (file === name) throw sameName(target, name)
    const [owner = '', ...rest] = (root.get(file) ?? '').split('/')
    const leadsOn = linkedGeneration(root, owner) !== undefined
    const isTaken = owner === OWN_DIRECTORY || (owner !== name && rest.join('/') === file && leadsOn)
    if (isTaken && layout === 'flat') throw takenName(target, file)
    return !isTaken
  })
}

/** Only of a flat layout, where every entry has to be found at the root. */
function sameName(target: string, name: string): BallastError {
  return new BallastError(
    'CONFLICT',
    `the model has an entry ${name}, and so is called its link in ${target}`,
    {
      hint: 'choose another name for the link with --as',
    },
  )
}

function takenName(target: string, file: string): BallastError {
  return new BallastError('CONFLICT', `${target}/${file} belongs to another model of the target`, {
    hint: 'nothing was changed; give this model a target of its own',
  })
}

/** What the user is to know of file links that were left to another model. */
export function takenFileLinks(
  version: Version,
  { files, ...options }: LinkOptions & { readonly files: readonly string[] },
): readonly string[] {
  const { name } = options
  return fileLinksOf(version, options)
    .filter((file) => !files.includes(file))
    .map(
      (file) =>
        `${file} belongs to another model of the target, so this one is found at ${name}/${file} only`,
    )
}
