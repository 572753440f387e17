import { BallastError } from '../../core/index.ts'
import type { MountResult } from '../../workflows/mount.ts'
import { formatBytes, formatDuration } from '../render/text.ts'
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
  summary: 'deliver a version into a directory, for `docker run -v`',
  details:
    'The directory becomes the version, whole or not at all. With --follow it keeps up with the tag: a link in it\n' +
    'leads to the version and is swapped atomically, also under a running container; a model of one file is found\n' +
    'under its own name as well.',
  options: [
    ['--follow', 'swap whenever the tag moves; stays in the foreground, one line a swap'],
    ['--once', 'with --follow: deliver what the tag points to now, and return'],
    ['--as <name>', 'with --follow: the name of the link (default: the last part of the model name)'],
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
  ],
  async run(session, ref, target, options) {
    checkOptions(options)
    const { follow, mount, mountFollowing } = await import('../../workflows/mount.ts')
    const store = await session.store()
    const { link, replace, as } = options
    const request = { ref, target, link, replace, as }
    const remarks = ({ warnings, bytesCopied }: MountResult): void => {
      if (options.link === true && bytesCopied === 0) session.note(LINK_WARNING)
      for (const warning of warnings) session.note(`warning: ${warning}`)
    }
    if (options.follow === true && options.once !== true) {
      await follow(store, request, {
        signal: session.signal,
        onProgress: session.onProgress,
        onSwap: (result) => {
          remarks(result)
          session.printLine({ time: new Date().toISOString(), ...result }, describe(result))
        },
        onTrouble: (error) =>
          session.note(`ballast: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`),
      })
      return
    }
    const result = await (options.follow === true ? mountFollowing : mount)(store, request, session)
    remarks(result)
    session.print(result, () => `${describe(result)}\n`)
    session.note(usageHint(result))
  },
})

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
function usageHint({ target, path, mountAt }: MountResult): string {
  const run = `  docker run -v ${target}:/app/models:ro …`
  return mountAt === 'path' ? run : `${run}   (there: ${path}/; \`ballast/runtime\` finds it at /app/models)`
}
