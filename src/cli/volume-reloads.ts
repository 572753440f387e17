import { basename, dirname, resolve } from 'node:path'
import { readIfPresent } from '../core/index.ts'
import { parseAppFile } from '../model/index.ts'
import type { VolumeReloading } from '../serve/index.ts'
import { allowedReloads } from '../workflows/mount-reload-declared.ts'
import { commandGuard } from './command-guard.ts'
import { engineChoice } from './engine-choice.ts'
import type { Session } from './session.ts'

/** What the file declares for a volume of the plugin, read again each time; nothing where there is no such file. */
export function volumeReloads(
  session: Session,
  { file, allowCommands }: { readonly file: string; readonly allowCommands: boolean },
): VolumeReloading['taskOf'] {
  const path = resolve(file)
  const directory = dirname(path)
  const guard = commandGuard(session, { allow: allowCommands })
  return async ({ ref, name }) => {
    const text = await readIfPresent(path)
    if (text === undefined) return undefined
    const declared = await parseAppFile(text.toString('utf8'), basename(path))
    const plans = await allowedReloads(declared, { ref, target: `volume:${name}`, directory }, guard)
    if (plans.length === 0) return undefined
    return { plans, directory, engine: engineChoice(session.io), retry: false }
  }
}
