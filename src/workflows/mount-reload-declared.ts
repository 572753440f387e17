import { resolve } from 'node:path'
import {
  type AppFile,
  type AppTarget,
  formatReference,
  parseOperand,
  parseReference,
  type Reload,
} from '../model/index.ts'
import { commandsOf, planReload, type ReloadPlan } from '../reload/index.ts'
import { type CommandGuard, requireAllowedCommands } from './allowed-commands.ts'
import { readAppFile } from './read-app-file.ts'

export interface ReloadedTarget {
  readonly ref: string
  /** As on a command line: a directory, or `volume:NAME`. */
  readonly target: string
  /** Where `ballast.yaml` is looked for. */
  readonly directory: string
}

/**
 * How the applications of a target are told: as the command line has it, else each application of `ballast.yaml` that declares
 * `reload` and uses the model. None where nothing is declared. Throws USAGE, and REFUSED for commands of the file that the user has not
 * allowed.
 */
export async function declaredReloads(
  target: ReloadedTarget,
  { flags, guard }: { readonly flags: Reload | undefined; readonly guard: CommandGuard },
): Promise<readonly ReloadPlan[]> {
  if (flags !== undefined) return [planReload(flags)]
  const file = await readAppFile(target.directory)
  return file === undefined ? [] : allowedReloads(file, target, guard)
}

/** As the file has it. Throws USAGE, and REFUSED for commands that the user has not allowed. */
export async function allowedReloads(
  file: AppFile,
  target: ReloadedTarget,
  guard: CommandGuard,
): Promise<readonly ReloadPlan[]> {
  const plans = reloadsOf(file, target)
  await requireAllowedCommands(plans.flatMap(commandsOf), { ...guard, directory: target.directory })
  return plans
}

/** Where targets of the reference are declared, it has to be one of them. */
export function reloadsOf(
  { apps, targets }: AppFile,
  { ref, target, directory }: ReloadedTarget,
): readonly ReloadPlan[] {
  const wanted = plain(ref)
  const places = targets.filter((one) => plain(one.ref) === wanted)
  if (places.length > 0 && !places.some((one) => isAt(one, { target, directory }))) return []
  return apps.flatMap(({ name, image, models, reload }) => {
    const uses = models.some((model) => plain(model.ref) === wanted)
    return uses && reload !== undefined ? [planReload(reload, { app: name, image })] : []
  })
}

function plain(ref: string): string {
  return formatReference(parseReference(ref))
}

function isAt(
  { to }: AppTarget,
  { target, directory }: Pick<ReloadedTarget, 'target' | 'directory'>,
): boolean {
  const [one, other] = [parseOperand(to), parseOperand(target)]
  if (one.kind === 'volume' && other.kind === 'volume') return one.text === other.text
  if (one.kind === 'volume' || other.kind === 'volume') return false
  return resolve(directory, to) === resolve(directory, target)
}
