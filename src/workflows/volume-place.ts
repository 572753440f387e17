import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { BallastError, type CallOptions } from '../core/index.ts'
import { type Engine, ensureVolume, inspectVolume, type VolumeInfo } from '../docker/index.ts'
import { checkVolumeName, MODEL_LABEL } from '../model/index.ts'
import { hasPathsOfThisHost } from './engine-access.ts'

export interface OpenedVolume {
  readonly info: VolumeInfo
  /** Where it is on this host, if this process may use it there; else only containers get at it. */
  readonly directory: string | undefined
}

export interface OpenVolumeOptions {
  readonly name: string
  /** `look`: only to see what is in it, of whatever driver it is. */
  readonly use: 'look' | 'read' | 'write'
  /** The model that is to be delivered, by which a volume that is not there is labelled when it is made. */
  readonly model?: string
}

/**
 * A named volume of Docker's `local` driver. Throws NOT_FOUND where there is none and `model` is left out, USAGE for what
 * cannot be a name, REFUSED for other drivers and for volumes that nothing can be delivered into.
 */
export async function openVolume(
  engine: Engine,
  { name, use, model }: OpenVolumeOptions,
  options: CallOptions = {},
): Promise<OpenedVolume> {
  checkVolumeName(name)
  const info =
    model === undefined
      ? await inspectVolume(engine, name, options)
      : await ensureVolume(engine, { name, labels: { [MODEL_LABEL]: model } }, options)
  if (info === undefined) {
    throw new BallastError('NOT_FOUND', `the Engine has no volume ${name}`, {
      hint: `docker volume ls lists them; to deliver a model into a new one: ballast mount REF volume:${name}`,
    })
  }
  if (info.driver !== 'local') {
    if (use === 'look') return { info, directory: undefined }
    throw otherDriver(info)
  }
  if (use === 'write' && info.options.type === 'tmpfs') throw inMemory(info)
  return { info, directory: await directoryHere(engine, { info, use }) }
}

/**
 * The directory, where it is certain that it is the volume. A path of the same name may be another one: the Engine may
 * run elsewhere behind a forwarded socket, and a volume with options is a file system that is only there while a container
 * uses it.
 */
async function directoryHere(
  engine: Engine,
  { info, use }: { readonly info: VolumeInfo; readonly use: OpenVolumeOptions['use'] },
): Promise<string | undefined> {
  const isMounted = ['type', 'device', 'o'].some((option) => info.options[option] !== undefined)
  if (isMounted || !(await hasPathsOfThisHost(engine))) return undefined
  const mode =
    use === 'write' ? constants.R_OK | constants.W_OK | constants.X_OK : constants.R_OK | constants.X_OK
  return access(info.mountpoint, mode).then(
    () => info.mountpoint,
    () => undefined,
  )
}

function otherDriver({ name, driver }: VolumeInfo): BallastError {
  const hint =
    driver === 'ballast'
      ? `a volume of the ballast driver takes its model from its own options (docker volume inspect shows them), moves with its tag (ballast rollback REF) and goes with docker volume rm ${name}`
      : `make a volume of the local driver for the model: docker volume create NAME`
  return new BallastError(
    'REFUSED',
    `the volume ${name} is of the driver ${driver}, which decides what is in it`,
    {
      hint,
    },
  )
}

function inMemory({ name }: VolumeInfo): BallastError {
  return new BallastError(
    'REFUSED',
    `the volume ${name} is a tmpfs: what is delivered into it is gone as soon as no container uses it`,
    { hint: 'name a volume without those options; files that were read once are in memory all the same' },
  )
}
