import { randomUUID } from 'node:crypto'
import { BallastError, oneLine, redactCommand } from '../core/index.ts'
import { type RunArguments, type RunOption, readRunArguments } from '../docker/index.ts'
import { isContainerPath } from './model-path.ts'
import type { Evaluation, PlacedModel, RunRequest } from './run-request.ts'

/** On a container whose metrics are to be read when it has ended. */
const EVALUATION_LABEL = 'dev.ballast.evaluation'
const MOST_WORDS = 100

/**
 * How docker is to be called so that the container is found again, and is still there, when it has ended. Throws USAGE for a
 * container that docker does not wait for, for a FILE that is no path in it, and where one version stands beside itself.
 */
export function planEvaluation(
  { args, image, metrics: file = '' }: Pick<RunRequest, 'args' | 'image' | 'metrics'>,
  models: readonly PlacedModel[],
): { readonly args: readonly string[]; readonly evaluation: Evaluation } {
  const run = readRunArguments(args, { image })
  if (!isContainerPath(file)) {
    throw new BallastError('USAGE', `--metrics ${file}: this is no path of a file in the container`, {
      hint: 'give an absolute one, as /out/metrics.json; what is mounted there is read as well',
    })
  }
  refuseUnwaited(run.options)
  refuseTwice(models)
  const label = `${EVALUATION_LABEL}=${randomUUID()}`
  return {
    // The last one counts, and a container that has gone cannot be read.
    args: args.toSpliced(run.optionsEnd, 0, '--rm=false', '--label', label),
    evaluation: { label, file, removes: isOn(run.options, 'rm'), run: describeRun(args, run) },
  }
}

function describeRun(args: readonly string[], { image, imageAt }: RunArguments): Evaluation['run'] {
  const command = redactCommand(args.slice(imageAt + 1, imageAt + 1 + MOST_WORDS))
  return { image, imageId: undefined, command: command.map((word) => oneLine(word)) }
}

function refuseUnwaited(options: readonly RunOption[]): void {
  const restart = options.findLast(({ name }) => name === 'restart')?.value ?? 'no'
  const culprit = isOn(options, 'detach') ? '--detach' : restart === 'no' ? undefined : `--restart ${restart}`
  if (culprit === undefined) return
  throw new BallastError('USAGE', `--metrics: with ${culprit} the end of the evaluation is not waited for`, {
    hint: `leave ${culprit} out`,
  })
}

function isOn(options: readonly RunOption[], name: string): boolean {
  const value = options.findLast((option) => option.name === name)?.value ?? 'false'
  return /^(?:1|t|true)$/i.test(value)
}

function refuseTwice(models: readonly PlacedModel[]): void {
  for (const [at, { resolved }] of models.entries()) {
    const same = models
      .slice(0, at)
      .find((other) => other.resolved.version.digest === resolved.version.digest)
    if (same === undefined) continue
    throw new BallastError(
      'USAGE',
      `--metrics: the models at ${same.path} and ${models[at]?.path} are the same version`,
      { hint: 'name two versions, as sentiment:3 and sentiment:4' },
    )
  }
}
