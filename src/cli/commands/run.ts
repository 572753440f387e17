import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { BallastError, isSystemError } from '../../core/index.ts'
import type { PreparedRun, RunRequest } from '../../workflows/run.ts'
import type { EndedRun } from '../../workflows/run-metrics.ts'
import { cacheDirectory } from '../cache-directory.ts'
import { imageAccess } from '../image-access.ts'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface RunOptions {
  readonly model?: readonly string[]
  readonly strategy: string
  readonly image?: string
  readonly metrics?: string
  readonly dryRun?: boolean
}

/** As docker has it: what was to run was never started. Also where its metrics could not be attached. */
const NOT_STARTED = 125

export const verb = defineVerb<[string[], RunOptions]>({
  usage: 'run <arguments...>',
  summary: 'docker run with a model in its place: run --model REF[=PATH] -- DOCKER-RUN-ARGUMENTS',
  details:
    'What stands behind -- goes to docker run as it is. The model is at PATH in the container, whole, before anything ' +
    'starts, or nothing does. Without =PATH it is where ballast.yaml says for the image, else at /models/NAME; without ' +
    '--model, all that ballast.yaml says is taken.\n' +
    'A model that is elsewhere (HOST/NAME:TAG, s3://…) is pulled into the store first.\n' +
    'mount: read-only from a tree that all containers of the host share, linked to the store where that is safe. ' +
    'embed: in an image NAME:ballast-… that is made from yours, once. auto: mount where the Engine runs on this machine.\n' +
    'An evaluation (--metrics FILE) writes what it has measured to FILE, a path in the container, as one JSON object: about a ' +
    'single model the metrics themselves, about several one object for each, under its reference, version or path. When the ' +
    'container has ended with 0 they are attached to the versions, for `show`, `list` and `diff`: all or none.\n' +
    'Versions of one model without a PATH are at /models/NAME-NUMBER.\n' +
    'The exit code is that of the container; 125 where none was started, or its metrics could not be attached.',
  options: [
    ['--model <ref...>', 'REF or REF=PATH (several: once each, or A,B)'],
    ['--strategy <strategy>', 'mount, embed or auto', 'auto', ['mount', 'embed', 'auto']],
    ['--metrics <file>', 'attach what the container has written there to the versions that it had'],
    ['--image <image>', 'which of the arguments is the image, where an unknown option stands before it'],
    ['--dry-run', 'bring the model to its place and print the command instead of running it'],
  ],
  examples: [
    'ballast run --model sentiment:prod=/app/models -- -d -p 8000:8000 my_ml_app:latest',
    'ballast run --model sentiment:3=/app/models --strategy embed -- --rm my_ml_app:latest',
    'ballast run -- -d -p 8000:8000 my_ml_app:latest',
    'ballast run --model sentiment:3 --model sentiment:4 --metrics /tmp/metrics.json -- --rm my_evaluation',
  ],
  usageHint:
    'the arguments of docker run stand behind --: ballast run --model sentiment:prod=/app/models -- -p 8000:8000 my_ml_app',
  failureCode: NOT_STARTED,
  movesBytes: true,
  async run(session, args, options) {
    const request = requestFrom(session.io, args, options)
    const { prepareRun } = await import('../../workflows/run.ts')
    const prepared = await prepareRun(await session.store(), request, session)
    for (const warning of prepared.warnings) session.note(`warning: ${warning}`)
    const { models, evaluation } = prepared
    if (options.dryRun === true) {
      session.print(prepared, () => `${['docker', ...prepared.args].map(shellWord).join(' ')}\n`)
      return
    }
    session.note(describe(prepared))
    const code = await runDocker(session, prepared.args)
    if (code === NOT_STARTED) {
      const { explainRefusal } = await import('../../workflows/run-refusal.ts')
      const hint = await explainRefusal(request).catch(() => undefined)
      if (hint !== undefined) session.io.err(`ballast: ${hint}\n`)
    }
    if (evaluation !== undefined) {
      await attach(session, { models, evaluation, exitCode: code, access: request.access })
    }
    session.io.setExitCode(code)
  },
})

async function attach(session: Session, ended: EndedRun): Promise<void> {
  const { attachRunMetrics } = await import('../../workflows/run-metrics.ts')
  const attached = await attachRunMetrics(await session.store(), ended, session)
  if (attached.length === 0) {
    session.note(`the container ended with ${ended.exitCode}: no metrics attached`)
    return
  }
  const versions = attached.map(({ ref }) => ref)
  session.note(`metrics attached to ${versions.join(', ')}; to see them: ballast show ${versions[0]}`)
}

function requestFrom(
  io: Io,
  args: readonly string[],
  { model = [], strategy, image, metrics, dryRun }: RunOptions,
): RunRequest {
  if (strategy !== 'embed' && strategy !== 'mount' && strategy !== 'auto') {
    throw new BallastError('USAGE', `--strategy ${strategy}: there is no such strategy`, {
      hint: 'choose mount, embed or auto',
    })
  }
  if (metrics !== undefined && dryRun === true) {
    throw new BallastError('USAGE', '--dry-run starts nothing that could write --metrics', {
      hint: 'leave one of the two out',
    })
  }
  return {
    models: model.flatMap((refs) => refs.split(',')),
    strategy,
    args,
    image,
    metrics,
    directory: '.',
    cacheDirectory: cacheDirectory(io),
    access: imageAccess(io),
  }
}

function describe({ models, strategy, because, image }: PreparedRun): string {
  const placed = models.map(({ version, path }) => `${version} at ${path}`).join(', ')
  const how =
    strategy === 'mount' ? `mounted, read-only, in a container of ${image}` : `in the image ${image}`
  return `${placed}: ${how}${because === undefined ? '' : ` (${because})`}`
}

/** The exit code of docker, which is that of the container unless it runs on by itself. */
async function runDocker({ giveSignals }: Session, args: readonly string[]): Promise<number> {
  const child = spawn('docker', args, { stdio: 'inherit' })
  giveSignals((signal) => {
    // A terminal sends an interrupt to all of its processes; twice would be more than was meant.
    const hasIt = signal === 'SIGINT' && hasTerminal()
    if (!hasIt) child.kill(signal)
  })
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(isSystemError(error, 'ENOENT') ? noDocker(error) : error))
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    )
  })
}

function hasTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor))
}

function noDocker(cause: Error): BallastError {
  return new BallastError('NOT_FOUND', 'there is no docker command on this machine', {
    cause,
    hint: 'install it (Debian: apt install docker-cli or docker.io), or run what --dry-run prints where there is one',
  })
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
