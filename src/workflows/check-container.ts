import type { Engine } from '../docker/index.ts'
import { inspectTarget } from '../mount/index.ts'
import { directoryOf, type EmbeddedModel, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { checkInContainer, noModel } from './check-container-path.ts'
import { checkCopied } from './check-copied.ts'
import { checkEmbedded, type InContainer, isAt } from './check-embedded.ts'
import { type CheckOptions, type CheckResult, checkTarget } from './check-target.ts'
import { hasPathsOfThisHost } from './engine-access.ts'
import { containerCalled } from './engine-operands.ts'

export interface ContainerToCheck {
  readonly engine: Engine
  readonly operand: string
  /** Or its id. */
  readonly name: string
  /** In the container; empty for wherever a model is. */
  readonly path: string
}

/** At one path, or wherever a model is mounted or embedded. */
export async function checkContainer(
  store: Store,
  { engine, operand, name, path }: ContainerToCheck,
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const container = await containerCalled(engine, name, options)
  const where = { engine, container, operand: `container:${name}` }
  const models = readLabel({ config: { Labels: container.labels } })
  const wanted = models.filter((model) => path === '' || isAt(model, path))
  const results: CheckResult[] = []
  const empty: string[] = []
  const covered = new Set<string>()
  for (const { kind, destination, source } of container.mounts) {
    const hidden = wanted.filter((model) => hides(destination, model))
    if (kind === 'other' || (path !== '' && !isBelow(path, destination) && hidden.length === 0)) continue
    const place = path !== '' && isBelow(path, destination) ? path : destination
    const found = await checkMount(store, { ...where, path: place, destination, source }, options)
    const isModel = found.some(({ version }) => version !== undefined)
    for (const model of hidden) covered.add(model.name)
    if (found.some((one) => one.isEmpty === true)) empty.push(destination)
    if (isModel || hidden.length > 0 || path !== '')
      results.push(...found.map((one) => noteHidden(one, hidden)))
  }
  for (const model of wanted.filter(({ name: called }) => !covered.has(called))) {
    results.push(await checkEmbedded(store, { ...where, model }, options))
  }
  if (results.length > 0) return results
  const delivered =
    path === ''
      ? []
      : await checkInContainer(
          store,
          { engine, id: container.id, path, operand, user: container.user },
          options,
        )
  if (delivered.some(({ version }) => version !== undefined)) return delivered
  const copied = await checkCopied(store, { ...where, path }, options)
  if (copied.length > 0) return copied
  if (delivered.length > 0) return delivered
  const faults = empty.map((at) => `${at}: an empty directory is mounted there`)
  return [noModel(operand, faults.length > 0 ? faults : ['no model that Ballast put there'], path)]
}

/** Directly where the mount's source is a directory of this host, since links and inodes are seen as they are there. */
async function checkMount(
  store: Store,
  {
    engine,
    container,
    operand,
    path,
    destination,
    source,
  }: InContainer & {
    readonly path: string
    readonly destination: string
    readonly source: string
  },
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const label = `${operand}:${path}`
  const place = { engine, id: container.id, path, operand: label, user: container.user }
  const isHere = path === destination && (await hasPathsOfThisHost(engine))
  const state = isHere ? await inspectTarget(source).catch(() => undefined) : undefined
  if (state?.kind !== 'pinned' && state?.kind !== 'following') return checkInContainer(store, place, options)
  const found = await checkTarget(store, { target: source, operand: label }, options)
  if (container.user === '') return found
  // Who may read it is told by what the container sees.
  const seen = await checkInContainer(store, place, { ...options, full: false })
  return found.map((one) => {
    const same = seen.find((other) => other.operand === one.operand)
    return { ...one, faults: [...new Set([...one.faults, ...(same?.faults ?? [])])] }
  })
}

function noteHidden(result: CheckResult, hidden: readonly EmbeddedModel[]): CheckResult {
  if (hidden.length === 0) return result
  const what = hidden.map(({ model, number }) => `${model}:${number}`).join(', ')
  const text = `what is mounted there hides ${what}, which is embedded in the image`
  if (result.version !== undefined) return { ...result, notes: [...(result.notes ?? []), text] }
  return { ...result, faults: [...result.faults, text], mend: 'start the container without that mount' }
}

/** The Engine follows the link at the application's path, so a mount there stands in the place of the model's directory. */
function hides(destination: string, model: EmbeddedModel): boolean {
  return [directoryOf(model), model.path].some((path) => path !== null && isBelow(path, destination))
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`)
}
