import { BallastError } from '../../core/index.ts'
import { parseOperand } from '../../model/index.ts'
import type { FollowEvents, MountResult } from '../../workflows/mount.ts'
import { engineChoice } from '../engine-choice.ts'
import { noteChangedAdvice } from '../note-advice.ts'
import { formatBytes, formatDuration } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface MountOptions {
  readonly follow?: boolean
  readonly once?: boolean
  readonly link?: boolean
  readonly replace?: boolean
  readonly as?: string
}

export const verb = defineVerb<[string, string, MountOptions]>({
  usage: 'mount <ref> <target>',
  summary: 'deliver a version into a directory or a named volume, for `docker run -v`',
  details:
    'The directory becomes the version, whole or not at all. With --follow it keeps up with the tag: a link in it\n' +
    'leads to the version and is swapped atomically, also under a running container; a model of one file is found\n' +
    'under its own name as well.\n' +
    'volume:NAME is a named volume of the local driver, also of an Engine on another host; it is ' +
    'made when it is not there, and is to be mounted before a container uses it, since Docker fills an empty one from ' +
    'the image.',
  options: [
    ['--follow', 'swap whenever the tag moves; stays in the foreground, one line a swap'],
    ['--once', 'with --follow: deliver what the tag points to now, and return'],
    [
      '--as <name>',
      'with --follow, and in volumes: the name of the link (default: the last part of the model name)',
    ],
    ['--replace', 'put the version in the place of another one'],
    [
      '--link',
      'hard links to the store instead of copies (a container that may write could damage the store)',
    ],
  ],
  examples: [
    'ballast mount sentiment:3 ./models',
    'ballast mount sentiment:prod ./models --follow',
    'docker run -v "$PWD/models:/app/models:ro" my_ml_app:latest',
    'ballast mount sentiment:prod volume:ml_models',
    'docker run -v ml_models:/app/models:ro my_ml_app:latest',
  ],
  async run(session, ref, target, options) {
    checkOptions(options)
    const { link, replace, as } = options
    const remarks = ({ warnings, bytesCopied }: MountResult): void => {
      if (options.link === true && bytesCopied === 0) session.note(LINK_WARNING)
      for (const warning of warnings) session.note(`warning: ${warning}`)
    }
    const verbs = await verbsFor(session, { ref, target, link, replace, as })
    if (options.follow === true && options.once !== true) {
      await verbs.follow({
        onSwap: (result) => {
          remarks(result)
          session.printLine({ time: new Date().toISOString(), ...result }, describe(result))
        },
        onTrouble: (error) =>
          session.note(`ballast: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`),
      })
      return
    }
    const result = await (options.follow === true ? verbs.mountFollowing() : verbs.mount())
    remarks(result)
    session.print(result, () => `${describe(result)}\n`)
    await noteUsage(session, result)
    await noteChangedAdvice(session, { refs: [ref], used: 'mount' })
  },
})

interface Request {
  readonly ref: string
  readonly target: string
  readonly link: boolean | undefined
  readonly replace: boolean | undefined
  readonly as: string | undefined
}

interface MountVerbs {
  readonly mount: () => Promise<MountResult>
  readonly mountFollowing: () => Promise<MountResult>
  readonly follow: (events: FollowEvents) => Promise<void>
}

async function verbsFor(session: Session, { target, ...request }: Request): Promise<MountVerbs> {
  const store = await session.store()
  const calls = { signal: session.signal, onProgress: session.onProgress }
  const operand = parseOperand(target)
  if (operand.kind === 'volume') {
    const volumes = await import('../../workflows/mount-volume.ts')
    const wanted = { ...request, volume: operand.text }
    const options = { ...calls, engine: engineChoice(session.io) }
    return {
      mount: () => volumes.mountVolume(store, wanted, options),
      mountFollowing: () => volumes.mountVolumeFollowing(store, wanted, options),
      follow: (events) => volumes.followVolume(store, wanted, { ...options, ...events }),
    }
  }
  const directories = await import('../../workflows/mount.ts')
  const wanted = { ...request, target }
  return {
    mount: () => directories.mount(store, wanted, calls),
    mountFollowing: () => directories.mountFollowing(store, wanted, calls),
    follow: (events) => directories.follow(store, wanted, { ...calls, ...events }),
  }
}

const LINK_WARNING = 'warning: --link: whoever can write to the target could change the bytes in the store'

function checkOptions({ follow, once, replace }: MountOptions): void {
  if (once === true && follow !== true) {
    throw new BallastError('USAGE', '--once goes with --follow', {
      hint: 'without both, one version is delivered and stays',
    })
  }
  if (replace === true && follow === true) {
    throw new BallastError('USAGE', '--replace is for targets that do not follow', {
      hint: 'leave it out: --follow swaps',
    })
  }
}

function describe({ target, path, version, how, bytesCopied, ms }: MountResult): string {
  const where = path === '' ? target : `${target}/${path}`
  const copied = how === 'delivered' ? `${formatBytes(bytesCopied)} copied, ` : ''
  const said = {
    delivered: 'mounted',
    adopted: 'matches, and is now the mount of it',
    unchanged: 'is there already',
  }[how]
  return `${version} ${said}   ${where}   ${copied}${formatDuration(ms)}`
}

/** For an application that expects its model at /app/models. */
async function noteUsage(session: Session, { target, path, mountAt }: MountResult): Promise<void> {
  const isVolume = target.startsWith('volume:')
  const { bindNeeds } = await import('../../workflows/bind-needs.ts')
  const needs = isVolume ? undefined : await bindNeeds(engineChoice(session.io))
  const source = isVolume ? target.slice('volume:'.length) : target
  const run = `  docker run -v ${source}:/app/models:ro${needs?.suffix ?? ''} …`
  session.note(
    mountAt === 'path' ? run : `${run}   (there: ${path}/; \`ballast/runtime\` finds it at /app/models)`,
  )
  for (const note of needs?.notes ?? []) session.note(`  ${note}`)
}
