import { BallastError } from '../../core/index.ts'

/** What `docker volume create -d ballast -o …` says. */
export interface VolumeOptions {
  /** A model of the store: `sentiment:prod`. */
  readonly ref: string
  /** Containers see the tag move while they run. */
  readonly follow: boolean
  /** Containers may write; what they write is the volume's own. */
  readonly rw: boolean
}

const KNOWN = ['ref', 'follow', 'rw', 'layout', 'pull']
const LAYOUTS = ['flat', 'default']

/** Throws USAGE for an unknown option, for a value that it does not have, and without `ref`. */
export function parseVolumeOptions(given: Readonly<Record<string, unknown>>): VolumeOptions {
  for (const name of Object.keys(given)) {
    if (!KNOWN.includes(name))
      throw usage(`unknown option ${JSON.stringify(name)}`, `there are: ${KNOWN.join(', ')}`)
  }
  const { ref, layout = 'flat', pull = 'never' } = given
  if (typeof ref !== 'string' || ref === '') {
    throw usage('the volume names no model', 'docker volume create -d ballast -o ref=sentiment:prod NAME')
  }
  if (typeof layout !== 'string' || !LAYOUTS.includes(layout)) {
    throw usage(
      `there is no layout ${JSON.stringify(layout)}`,
      `there are: ${LAYOUTS.join(', ')} (both the same: the files as they are in the model)`,
    )
  }
  if (pull === 'always' || pull === 'missing') {
    throw usage(
      `pull=${pull}: models are not fetched from registries yet`,
      'leave pull out, and bring the model into the store of this host: ballast add NAME FILES…',
    )
  }
  if (pull !== 'never')
    throw usage(`pull=${String(pull)} is not a value of pull`, 'there are: never, missing, always')
  const follow = parseSwitch('follow', given.follow)
  const rw = parseSwitch('rw', given.rw)
  if (follow && rw) {
    throw usage(
      'rw=true and follow=true exclude each other',
      'what a container wrote would lie over a version that it was not written for; leave one of the two out',
    )
  }
  return { ref, follow, rw }
}

function parseSwitch(name: string, value: unknown): boolean {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  throw usage(`${name}=${String(value)} is not a value of ${name}`, 'there are: true, false')
}

function usage(message: string, hint: string): BallastError {
  return new BallastError('USAGE', message, { hint })
}
