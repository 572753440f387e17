import type { CallOptions } from '../core/index.ts'
import { type ImageFacts, linesOf, type RunOption } from '../docker/index.ts'
import { readSteps } from './dockerfile.ts'
import { isAtOrBelow, type Prepared, type RunWork } from './run-request.ts'
import { shareTree, treeDirectories } from './run-trees.ts'
import { removeTreesOf } from './run-trees-unused.ts'

/** Trees are mounted read-only in front of the user's own arguments. */
export async function runMounted(
  { store, engine, request, parsed, facts, models }: RunWork,
  options: CallOptions,
): Promise<Prepared> {
  const { hasSelinux } = await engine.info()
  const place = {
    engineUrl: engine.endpoint.url,
    cacheDirectory: request.cacheDirectory,
    // Relabelled for containers, the store's own files would be too.
    link: !hasSelinux && !canRemount(parsed.options),
  }
  const mounts: string[] = []
  const warnings: string[] = []
  let isNew = false
  for (const { resolved, path } of models) {
    const tree = await shareTree(store, { resolved, place }, options)
    warnings.push(...tree.warnings, ...hidden(facts, path))
    mounts.push(...mountOptions(tree.path, { path, hasSelinux }))
    isNew ||= tree.isNew
  }
  if (isNew) await removeTreesOf(engine, treeDirectories(store, place), options)
  return { args: ['run', ...mounts, ...request.args], image: parsed.image, warnings }
}

/** A container with this could make its read-only mount writable, and then reach the store's bytes. */
function canRemount(options: readonly RunOption[]): boolean {
  return options.some(
    ({ name, value }) =>
      (name === 'privileged' && value !== 'false') ||
      (name === 'cap-add' && /^(?:all|(?:cap_)?(?:sys_admin|dac_read_search|mknod))$/i.test(value)),
  )
}

function mountOptions(
  source: string,
  { path, hasSelinux }: { readonly path: string; readonly hasSelinux: boolean },
): readonly string[] {
  // Only --volume can have a directory labelled for containers.
  if (hasSelinux) return ['--volume', `${source}:${path}:ro,z`]
  const fields = ['type=bind', `source=${source}`, `target=${path}`, 'readonly']
  return ['--mount', fields.map(quoted).join(',')]
}

/** Fields are separated as in a CSV file. */
function quoted(field: string): string {
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

/** By the history: whether somebody has copied files to the path. */
function hidden(facts: ImageFacts | undefined, path: string): readonly string[] {
  const { copies } = readSteps(linesOf(facts))
  const step = copies.find(({ target }) => isAtOrBelow(target, path))?.text
  if (step === undefined) return []
  return [
    `the image has files of its own at ${path} (\`${step}\`), which the mount hides; without that line the image is smaller`,
  ]
}
