import { BallastError } from '../core/index.ts'
import type { Engine } from '../docker/index.ts'
import { countContainersWithVolume } from '../docker/index.ts'
import { formatReference, lastPart, numberOfTag } from '../model/index.ts'
import { type Listen, type ModelSource, type RunningPlugin, startPlugin } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { parseModelReference, resolveVersion, withMending } from '../workflows/resolve.ts'
import { provenVolumes, type VolumeReloading } from './proven-volumes.ts'

export interface ServePluginOptions {
  readonly listen: Listen
  /** The Engine whose containers are counted; it need not run. */
  readonly engine: () => Promise<Engine>
  readonly log: (line: string) => void
  /** For volumes that follow a tag. */
  readonly reloading?: VolumeReloading
}

/** Serves the store's models as Docker volumes. Throws REFUSED where this process cannot mount, CONFLICT for a second one. */
export async function serveDockerPlugin(
  store: Store,
  { listen, engine, log, reloading }: ServePluginOptions,
): Promise<RunningPlugin> {
  if (process.platform !== 'linux') {
    throw new BallastError('REFUSED', `the volume plugin is for Linux, and this is ${process.platform}`, {
      hint: "deliver into a directory and mount that: ballast mount REF ./models; docker run -v './models:/app/models:ro'",
    })
  }
  if (process.geteuid?.() !== 0) {
    throw new BallastError(
      'REFUSED',
      'the volume plugin has to run as root: it mounts what containers read',
      {
        hint: 'sudo ballast serve --docker-plugin --store DIR, or install its systemd units (docs/docker-plugin.md)',
      },
    )
  }
  let opened: Promise<Engine> | undefined
  const containersOf = async (volume: string): Promise<number | undefined> => {
    try {
      opened ??= engine()
      return await countContainersWithVolume(await opened, volume)
    } catch {
      // One that starts later is found then.
      opened = undefined
      return undefined
    }
  }
  const proving = reloading && provenVolumes(store, reloading)
  return startPlugin({ store, source: modelSource(store), listen, log, containersOf, proving })
}

function modelSource(store: Store): ModelSource {
  return {
    check(ref) {
      const { name, tag } = parseModelReference(ref)
      return { link: lastPart(name), follows: tag !== undefined && numberOfTag(tag) === undefined }
    },
    async resolve(ref) {
      const { reference, number, version } = await resolveVersion(store, ref)
      const marker = {
        model: reference.name,
        digest: version.digest,
        number,
        reference: formatReference(reference),
      }
      return { version, marker }
    },
    digestOf: (ref) => store.records.resolve(parseModelReference(ref)),
    explain: (error, ref) => withMending(store, error, parseModelReference(ref)),
  }
}
