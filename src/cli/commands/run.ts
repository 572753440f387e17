import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { BallastError, isSystemError } from '../../core/index.ts'
import type { PreparedRun, RunRequest } from '../../workflows/run.ts'
import { cacheDirectory } from '../cache-directory.ts'
import { imageAccess } from '../image-access.ts'
import type { Io } from '../io.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface RunOptions {
  readonly model?: string
  readonly strategy: string
  readonly image?: string
  readonly dryRun?: boolean
}

/** As docker has it: what was to run was never started. */
const NOT_STARTED = 125

export const verb = defineVerb<[string[], RunOptions]>({
  usage: 'run <arguments...>',
  summary: 'docker run with a model in its place: run --model REF[=PATH] -- DOCKER-RUN-ARGUMENTS',
  details:
    'What stands behind -- goes to docker run as it is. The model is at PATH in the container, whole, before anything ' +
    'starts, or nothing does. Without =PATH it is where ballast.yaml says for the image, else at /models/NAME; without ' +
    '--model, all that ballast.yaml says is taken.\n' +
    'mount: read-only from a tree that all containers of the host share, linked to the store where that is safe. ' +
    'embed: in an image NAME:ballast-… that is made from yours, once. auto: mount where the Engine runs on this machine.\n' +
    'The exit code is that of the container; 125 where none was started.',
  options: [
    ['--model <ref>', 'REF or REF=PATH (several: A,B)'],
    ['--strategy <strategy>', 'mount, embed or auto', 'auto'],
    ['--image <image>', 'which of the arguments is the image, where an unknown option stands before it'],
    ['--dry-run', 'bring the model to its place and print the command instead of running it'],
  ],
  examples: [
    'ballast run --model sentiment:prod=/app/models -- -d -p 8000:8000 my_ml_app:latest',
    'ballast run --model sentiment:3=/app/models --strategy embed -- --rm my_ml_app:latest',
    'ballast run -- -d -p 8000:8000 my_ml_app:latest',
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
    session.io.setExitCode(code)
  },
})

function requestFrom(io: Io, args: readonly string[], { model, strategy, image }: RunOptions): RunRequest {
  if (strategy !== 'embed' && strategy !== 'mount' && strategy !== 'auto') {
    throw new BallastError('USAGE', `--strategy ${strategy}: there is no such strategy`, {
      hint: 'choose mount, embed or auto',
    })
  }
  return {
    models: model === undefined ? [] : model.split(','),
    strategy,
    args,
    image,
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
