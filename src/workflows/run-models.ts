import { BallastError, type CallOptions, isBallastError, shortDigest } from '../core/index.ts'
import {
  type Engine,
  inspectContainer,
  mountsOf,
  type RunArguments,
  type RunOption,
} from '../docker/index.ts'
import { APP_FILE, type AppModel, lastPart, splitReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { bringModel } from './bring-model.ts'
import { isContainerPath, splitModelPath } from './model-path.ts'
import { withPolicyKey } from './policy-keys.ts'
import { readAppFile } from './read-app-file.ts'
import { type ResolvedVersion, resolveVersion } from './resolve.ts'
import { isAtOrBelow, type PlacedModel, type RunRequest, withTag } from './run-request.ts'

/**
 * PATH as stated, else that of `ballast.yaml`, else the directory that an embedded model has in any case; of several versions
 * of one model the latter is `/models/NAME-NUMBER`.
 */
export async function placeModels(
  store: Store,
  { request, image }: { readonly request: RunRequest; readonly image: string },
  options: CallOptions = {},
): Promise<readonly PlacedModel[]> {
  const declared = await modelsOfApp(request.directory, image)
  const asked =
    request.models.length > 0
      ? request.models.map(splitModelPath)
      : declared.map(({ ref, path }) => ({ ref, path: path as string | undefined }))
  if (asked.length === 0) {
    throw new BallastError('USAGE', `which model should ${image} run with?`, {
      hint: `name it: ballast run --model sentiment:prod=/app/models -- ${image}; or declare it in ${APP_FILE}: ballast init`,
    })
  }
  const judging = await withPolicyKey(store, (await readAppFile(request.directory)) ?? {}, request.directory)
  const found: { readonly resolved: ResolvedVersion; readonly path: string | undefined }[] = []
  for (const { ref, path } of asked) {
    const own = await bringModel(judging, { ref, access: request.access }, options)
    found.push({ resolved: await resolveVersion(judging, own), path })
  }
  return found.map(({ resolved, path }) => {
    const { reference, number, version } = resolved
    const usual = lastPart(reference.name)
    const others = found.map((other) => other.resolved).filter((other) => other !== resolved)
    const hasNamesake = others.some((other) => lastPart(other.reference.name) === usual)
    const isCompared = others.some((other) => other.reference.name === reference.name)
    const name = hasNamesake ? `${usual}-${number === 0 ? shortDigest(version.digest) : number}` : undefined
    const ofApp = isCompared
      ? undefined
      : declared.find((model) => splitReference(model.ref).name === reference.name)?.path
    return { resolved, name, path: (path ?? ofApp ?? `/models/${name ?? usual}`).replace(/(?<=.)\/+$/, '') }
  })
}

async function modelsOfApp(directory: string, image: string): Promise<readonly AppModel[]> {
  const apps = (await readAppFile(directory))?.apps ?? []
  const app = apps.find(
    (candidate) => candidate.image !== undefined && withTag(candidate.image) === withTag(image),
  )
  return app?.models ?? []
}

/** Throws REFUSED for a path that cannot be used, or at which something else is mounted. */
export function refuseTakenPaths(models: readonly PlacedModel[], options: readonly RunOption[]): void {
  const mounts = mountsOf(options)
  for (const [at, { path }] of models.entries()) {
    if (!isContainerPath(path)) {
      throw new BallastError('REFUSED', `the path ${JSON.stringify(path)} cannot be used`, {
        hint: 'give the absolute path of a directory in the container, as in sentiment=/app/models',
      })
    }
    const mount = mounts.find(({ target }) => isAtOrBelow(target, path))
    if (mount !== undefined) {
      throw new BallastError(
        'REFUSED',
        `${path}: the arguments mount something else there (${mount.written})`,
        {
          hint: `leave that option out, or give the model a path of its own: --model REF=PATH`,
        },
      )
    }
    const other = models.find((model, index) => index !== at && isAtOrBelow(model.path, path))
    if (other !== undefined) {
      throw new BallastError('REFUSED', `${path}: another model is at ${other.path}`, {
        hint: 'give each model a path of its own, not inside another one: --model REF=PATH',
      })
    }
  }
}

/** The same of what `--volumes-from` brings along. A container that is not there is left to docker, which says so. */
export async function refuseSharedPaths(
  engine: Engine,
  { models, run }: { readonly models: readonly PlacedModel[]; readonly run: RunArguments },
  options: CallOptions,
): Promise<void> {
  for (const { name, value } of run.options) {
    const [from = ''] = value.split(':')
    if (name !== 'volumes-from' || from === '') continue
    for (const { destination } of await mountsIn(engine, from, options)) {
      const taken = models.find(({ path }) => isAtOrBelow(destination, path))
      if (taken === undefined) continue
      throw new BallastError(
        'REFUSED',
        `${taken.path}: --volumes-from ${value} mounts something else there (${destination} of the container ${from})`,
        {
          hint: 'name the volumes that are wanted one by one (-v), or give the model a path of its own: --model REF=PATH',
        },
      )
    }
  }
}

async function mountsIn(
  engine: Engine,
  container: string,
  options: CallOptions,
): Promise<readonly { readonly destination: string }[]> {
  try {
    return (await inspectContainer(engine, container, options)).mounts
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return []
    throw error
  }
}
