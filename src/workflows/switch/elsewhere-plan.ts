import { BallastError } from '../../core/index.ts'
import type { DeployedApp, DeployedModel } from './elsewhere-look.ts'
import { capturedName, type RunsNow, type SwitchPlan, type SwitchStep } from './plan.ts'
import type { Way } from './request.ts'

export interface ElsewhereFacts {
  readonly app: string
  readonly to: Way
  readonly deployed: DeployedApp
  readonly record: Extract<SwitchStep, { readonly do: 'record' }> | undefined
}

/** Throws REFUSED where no directory is declared to deliver to. */
export function planElsewhere({ app, to, deployed, record }: ElsewhereFacts): SwitchPlan {
  const { models, withModel } = deployed
  if (to === 'mount') for (const model of models) requireTarget(model)
  const isDone = isSwitched(deployed, to)
  const captures = models
    .filter(({ stored }) => stored === undefined)
    .map((model): SwitchStep => {
      return { do: 'capture', from: model.source, as: capturedName(app, model), bytes: model.bytes }
    })
  return {
    app,
    to,
    runs: [nowInImage(deployed, to), ...models.flatMap((model) => nowInTarget(model, to))],
    steps: [
      ...(isDone ? [] : [...captures, ...leavingOut(deployed, to)]),
      ...(isDone ? [] : to === 'embed' ? [embedding(deployed)] : models.map(delivering)),
      ...(record === undefined ? [] : [record]),
    ],
    notes: isDone
      ? [`nothing to do: ${to === 'embed' ? withModel : 'the directory'} has the version already`]
      : models.flatMap((model) => notesOn(model, { image: deployed.image, to })),
  }
}

/** Whether what would be made is there, with the version that is served. */
export function isSwitched({ models }: Pick<DeployedApp, 'models'>, to: Way): boolean {
  return models.every(({ digest, inWithModel, inTarget }) => {
    const there = to === 'embed' ? inWithModel : inTarget
    return digest !== undefined && there === digest
  })
}

/** The image that goes with the way: that of the application, where it has none of what would have to go. */
export function baseImage({ image, withoutModel, models }: DeployedApp, to: Way): string {
  return pathsToLeaveOut(models, to).length > 0 ? withoutModel : image
}

export function pathsToLeaveOut(models: readonly DeployedModel[], to: Way): readonly string[] {
  return models
    .filter(({ inImage, isCopied }) => (to === 'embed' ? isCopied : inImage !== undefined))
    .map(({ path }) => path)
}

function leavingOut(deployed: DeployedApp, to: Way): readonly SwitchStep[] {
  const paths = pathsToLeaveOut(deployed.models, to)
  if (paths.length === 0) return []
  return [{ do: 'leave out', from: deployed.image, paths, result: deployed.withoutModel, bytes: 0 }]
}

function embedding(deployed: DeployedApp): SwitchStep {
  const { models, withModel } = deployed
  return {
    do: 'embed',
    models: models.map(({ stored, ref, path }) => `${stored ?? ref}=${path}`),
    base: baseImage(deployed, 'embed'),
    result: withModel,
    bytes: models
      .filter(
        ({ digest, inWithModel, inImage }) =>
          digest === undefined || ![inWithModel, inImage].includes(digest),
      )
      .reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function delivering({ stored, ref, directory, path, bytes, inTarget, digest }: DeployedModel): SwitchStep {
  const isThere = digest !== undefined && inTarget === digest
  return { do: 'deliver', model: stored ?? ref, to: directory, path, bytes: isThere ? 0 : bytes }
}

function requireTarget({ ref, target }: DeployedModel): void {
  if (target !== undefined) return
  throw new BallastError('REFUSED', `ballast.yaml names no directory for ${ref} to be delivered to`, {
    hint: `add one to its targets: - { ref: "${ref}", to: ./models }`,
  })
}

function notesOn(
  { isCopied, path, lines, directory, inTarget }: DeployedModel,
  { image, to }: { readonly image: string; readonly to: Way },
): readonly string[] {
  const way = lines.length === 0 ? 'change its Dockerfile' : `in its Dockerfile: ${lines.join('; ')}`
  if (isCopied && to === 'mount')
    return [`${image} keeps its copy at ${path}, under the mount, until it is built without: ${way}`]
  if (isCopied)
    return [
      `the copy at ${path} is left out of the image that is made; the next build brings it back: ${way}`,
    ]
  return to === 'embed' && inTarget !== undefined ? [`${directory} stays as it is`] : []
}

function nowInImage({ image, models }: DeployedApp, to: Way): RunsNow {
  return {
    name: image,
    image,
    isAlready: isSwitched({ models }, to),
    models: models
      .filter(({ inImage, isCopied }) => inImage !== undefined || isCopied)
      .map(({ path, inImage, isCopied, version }) => ({
        path,
        how: isCopied ? 'copied' : 'embedded',
        source: '',
        version: inImage === undefined ? undefined : version,
        digest: inImage,
      })),
  }
}

function nowInTarget({ directory, path, inTarget, version }: DeployedModel, to: Way): readonly RunsNow[] {
  if (inTarget === undefined) return []
  const model = { path, how: 'directory', source: directory, version, digest: inTarget } as const
  return [{ name: directory, image: '', isAlready: to === 'mount', models: [model] }]
}
