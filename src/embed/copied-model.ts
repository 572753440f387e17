import { BallastError, oneLine, shortDigest } from '../core/index.ts'
import type { ModelFile } from '../model/index.ts'
import { historyLine, type Inventory, type RootView } from '../oci/index.ts'
import type { BaseFiles, BaseLayer } from './base-files.ts'

export interface CopiedModelOptions {
  readonly base: BaseFiles
  readonly files: readonly ModelFile[]
  /** Absolute; where the model is wanted. */
  readonly path: string
  /** `sentiment:3` */
  readonly reference: string
  /** The command to run once the copy is gone. */
  readonly command: string
}

/**
 * Throws REFUSED when the base holds the model at the path already, as an image does whose Dockerfile copies it there:
 * says which layers that are and how to get rid of them. The contents are not compared, only names and sizes.
 */
export function refuseCopiedModel({ base, files, path, reference, command }: CopiedModelOptions): void {
  const directory = realDirectory(base.view, path)
  if (directory === undefined) return
  const there = new Map(
    files.flatMap((file): [string, ModelFile][] =>
      base.view.lookup(`${directory}/${file.path}`)?.type === 'file'
        ? [[`${directory}/${file.path}`, file]]
        : [],
    ),
  )
  // A README.md or config.json of the application's own makes no model.
  if (there.size === 0 || there.size * 2 < files.length) return
  const differing = [...there].filter(([real, { size }]) => base.view.lookup(real)?.size !== size)
  const steps = base.layers.flatMap((layer, at): Step[] => {
    const inventory = base.inventories[at] as Inventory
    const holds = inventory.entries.some((entry) => there.has(entry.path))
    return holds ? [stepOf(layer, { inventory, directory })] : []
  })
  const layers = steps.map(({ text, layer: { digest, size } }) => {
    const by = text === '' ? '' : `, made by \`${text}\``
    return `layer ${shortDigest(digest)} of ${formatSize(size)}${by}`
  })
  const whole = differing.length === 0 && there.size === files.length
  const what = whole
    ? `the image already holds the model there, by the names and sizes of the files of ${reference}`
    : `the image already holds another version of the model there: ${there.size} of the ${files.length} files of ` +
      `${reference} by name, ${differing.length} of them of another size`
  throw new BallastError('REFUSED', `${path}: ${what} (${layers.join('; ') || 'in no layer of its own'})`, {
    hint: `in the Dockerfile: ${steps.map(wayOut).join('; ')}. Build and push the image again, then: ${command}`,
  })
}

/** Without a leading slash; undefined where there is none, and for the root. */
function realDirectory(view: RootView, path: string): string | undefined {
  if (!path.startsWith('/')) return undefined
  try {
    const { path: real } = view.resolve(`${path}/.`)
    return real === '' || view.lookup(real)?.type !== 'directory' ? undefined : real
  } catch {
    // Placement says why the path cannot be reached.
    return undefined
  }
}

interface Step {
  readonly layer: BaseLayer
  /** The line of the Dockerfile, as far as the history has it. */
  readonly text: string
  /** Whether the layer has files of the application beside the model's. */
  readonly holdsMore: boolean
}

function stepOf(
  layer: BaseLayer,
  { inventory, directory }: { readonly inventory: Inventory; readonly directory: string },
): Step {
  const holdsMore = inventory.entries.some(
    ({ path, type }) => type !== 'directory' && !path.startsWith(`${directory}/`),
  )
  return { layer, text: oneLine(historyLine(layer.createdBy)), holdsMore }
}

function wayOut({ text, holdsMore, layer }: Step): string {
  if (/^(?:COPY|ADD)\s/.test(text)) {
    return holdsMore
      ? `keep the model out of \`${text}\` by naming its directory in .dockerignore`
      : `delete the line \`${text}\``
  }
  return text === ''
    ? `delete the line that made layer ${shortDigest(layer.digest)}`
    : `take the model's files out of \`${text}\``
}

function formatSize(bytes: number): string {
  return bytes < 1e6 ? `${bytes} bytes` : `${(bytes / 1e6).toFixed(1)} MB`
}
