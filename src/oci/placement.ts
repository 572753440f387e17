import { BallastError } from '../core/index.ts'
import { MARKER } from '../model/index.ts'
import type { LayerEntry, LayerRecipe } from './layer-recipe.ts'
import { type DirectoryEntry, newDirectory, withParents } from './packing.ts'
import type { RootView } from './root-view.ts'

export interface PlacementOptions {
  /** The base's root file system, without layers that Ballast added before. */
  readonly base: RootView
  /** The base config's `Volumes`. */
  readonly volumes: readonly string[]
  /** Where the model's files go, absolute: `/models/<name>`, or the application's path itself with --real-path. */
  readonly directory: string
  /** Where the application looks for the model, absolute; undefined when `directory` is enough. */
  readonly at: string | undefined
  /** The content of `.ballast/model.json`. */
  readonly marker: Uint8Array
  /** Absolute directories and paths of other models in the same image. */
  readonly others?: readonly string[]
}

export interface Placement {
  /** The layer with the marker and, where `at` needs one, the relative link. */
  readonly recipe: LayerRecipe
  /** The model's real directory without a leading slash, and its parents: what `modelLayers` takes. */
  readonly directory: string
  readonly parents: readonly DirectoryEntry[]
}

/**
 * Where a model goes in an image (design 4). Throws REFUSED, with the reason and the way out, when something of the
 * base would be hidden, when a `VOLUME` would hide the model, and for paths that no link can stand at; USAGE for
 * paths that are not absolute and plain.
 */
export function planPlacement(options: PlacementOptions): Placement {
  const { base, volumes, marker, others = [] } = options
  const directory = checkPath(options.directory)
  const at = checkPath(options.at ?? options.directory)
  const home = base.resolve(directory)
  const place = base.resolve(at)
  const taken: Taken = {
    volumes: volumes.flatMap((volume) => [volume, follow(base, volume)]),
    others: others.flatMap((other) => [other, base.resolve(other).path]),
  }
  checkClash(taken, [directory, home.path])
  checkFree(base, home.path)
  const linked = place.path !== home.path && !leadsTo(base, { link: place.path, directory: home.path })
  if (linked) {
    checkNesting(at, { link: place.path, directory: home.path })
    checkClash(taken, [at, place.path])
    checkFree(base, place.path)
  }
  const entries: LayerEntry[] = [
    directoryEntry(base, home.path),
    { kind: 'inline', path: `${home.path}/${MARKER}`, text: Buffer.from(marker).toString('utf8') },
  ]
  const target = relativeTarget(place.path, home.path)
  if (linked) entries.push({ kind: 'symlink', path: place.path, target })
  const parents = [...home.parents, directoryEntry(base, home.path)]
  return {
    recipe: withParents(entries, [...parents, ...place.parents]),
    directory: home.path,
    parents,
  }
}

interface Taken {
  readonly volumes: readonly string[]
  readonly others: readonly string[]
}

interface Link {
  readonly link: string
  readonly directory: string
}

/** Without a slash at its end. */
function checkPath(path: string): string {
  const plain = path.replace(/\/+$/, '')
  const parts = plain.split('/').slice(1)
  const why = !path.startsWith('/')
    ? 'it is not absolute'
    : plain === ''
      ? 'a model cannot take the place of the root'
      : parts.some((part) => ['', '.', '..'].includes(part))
        ? 'it has a part that is empty, . or ..'
        : parts.some((part) => part.startsWith('.wh.'))
          ? 'names that begin with .wh. delete files in an image'
          : /[\u0000-\u001f\u007f]/.test(plain) || !plain.isWellFormed()
            ? 'it has a control character or is not valid Unicode'
            : undefined
  if (why === undefined) return plain
  throw new BallastError('REFUSED', `the path ${JSON.stringify(path)} cannot be used: ${why}`, {
    hint: 'give the absolute path of a directory in the container, as in sentiment=/app/models',
  })
}

function checkNesting(at: string, { link, directory }: Link): void {
  if (isAtOrBelow(link, directory)) {
    throw new BallastError('REFUSED', `${at} is inside the model's own directory /${directory}`, {
      hint: `use /${directory} itself, or a path outside of it`,
    })
  }
  if (isAtOrBelow(directory, link)) {
    throw new BallastError('REFUSED', `a link at ${at} would hide the model's directory /${directory}`, {
      hint: `use /${directory} itself, or put the files at ${at} with --real-path`,
    })
  }
}

/** A volume's content replaces what the image has there, when the container starts. */
function checkClash(taken: Taken, paths: readonly string[]): void {
  const [shown] = paths
  const clashing = (list: readonly string[]): string | undefined =>
    list.find((other) => paths.some((path) => isAtOrBelow(path, other) || isAtOrBelow(other, path)))
  const volume = clashing(taken.volumes)
  if (volume !== undefined) {
    const above = paths.some((path) => isAtOrBelow(path, volume))
    const why = above ? 'which would hide the model' : 'which lies inside and would hide a part of it'
    throw new BallastError('REFUSED', `${shown}: the image declares the VOLUME ${absolute(volume)}, ${why}`, {
      hint: 'choose a path outside of the volume, or mount the model instead of embedding it',
    })
  }
  const other = clashing(taken.others)
  if (other !== undefined) {
    throw new BallastError('REFUSED', `${shown}: another model is at ${absolute(other)}`, {
      hint: 'give each model a path of its own, not inside another one',
    })
  }
}

function checkFree(base: RootView, path: string): void {
  const node = base.lookup(path)
  if (node === undefined || base.isEmptyDirectory(path)) return
  const what = {
    directory: `a directory that is not empty (${base.children(path).slice(0, 3).join(', ')})`,
    symlink: `a symlink to ${node.link}`,
    file: 'a file',
    other: 'a device or pipe',
  }[node.type]
  throw new BallastError('REFUSED', `/${path}: the image already has ${what} there, which would be hidden`, {
    hint:
      node.type === 'directory'
        ? `choose another path; if it is the model itself, remove the line that copies it from the Dockerfile`
        : 'choose another path',
  })
}

/** Whether the base itself has a link there that leads to the model's directory: then it needs no other. */
function leadsTo(base: RootView, { link, directory }: Link): boolean {
  return base.lookup(link)?.type === 'symlink' && follow(base, link) === directory
}

/** Also through a link at the end; the path as given where that cannot be followed. */
function follow(base: RootView, path: string): string {
  try {
    return base.resolve(`${path}/.`).path
  } catch {
    return path
  }
}

function directoryEntry(base: RootView, path: string): DirectoryEntry {
  const node = base.lookup(path)
  if (node?.type !== 'directory') return newDirectory(path)
  return { kind: 'directory', path, mode: node.mode, uid: node.uid, gid: node.gid }
}

/** From the directory that holds the link. Relative, since absolute ones are refused in image volumes. */
function relativeTarget(link: string, directory: string): string {
  const from = link.split('/').slice(0, -1)
  const to = directory.split('/')
  let common = 0
  while (common < from.length && common < to.length - 1 && from[common] === to[common]) common++
  return [...from.slice(common).map(() => '..'), ...to.slice(common)].join('/')
}

function isAtOrBelow(path: string, above: string): boolean {
  const plain = absolute(above)
  return plain === '/' || `${absolute(path)}/`.startsWith(`${plain}/`)
}

function absolute(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}
