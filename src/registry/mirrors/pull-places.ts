import { BallastError, isDigest } from '../../core/index.ts'
import { isHub, normalisePlace, type RepositoryPlace } from '../client/endpoint.ts'
import { readDockerMirrors } from './docker-mirrors.ts'
import {
  type RegistriesConfPlaces,
  type RegistryRule,
  readRegistriesConf,
  relocated,
  ruleFor,
} from './registries-conf.ts'

/** Where it is written which other registries are asked. */
export interface MirrorFiles extends RegistriesConfPlaces {
  /** Docker's `daemon.json`, of which the first that is there counts. */
  readonly daemons: readonly string[]
}

export interface PullPlace extends RepositoryPlace {
  /** Its certificate is not verified, and without TLS it is spoken to as well. */
  readonly insecure: boolean
  /** What was written with `http:`. */
  readonly plainHttp: boolean
  /** Whether what is asked for by a tag is looked for there. */
  readonly tags: boolean
}

export interface PullPlaces {
  /** Asked first, in this order. */
  readonly mirrors: readonly PullPlace[]
  /** Asked last: the registry itself, or what stands in its place. */
  readonly home: PullPlace
  /** Whether the registry as it is named is written to, and read, like an insecure one. */
  readonly insecure: boolean
}

/**
 * Where a reference is read, by registries.conf, and for Docker Hub, where that names no mirror, by `registry-mirrors` of
 * dockerd. Throws REFUSED for a registry that is blocked and for files that cannot be understood, DISK.
 */
export async function findPullPlaces(
  files: MirrorFiles,
  { reference, ...asked }: RepositoryPlace & { readonly reference: string },
): Promise<PullPlaces> {
  const { host, name } = normalisePlace(asked)
  const whole = `${host}/${name}`
  const rules = await readRegistriesConf(files)
  const rule = ruleFor(rules, `${whole}${isDigest(reference) ? '@' : ':'}${reference}`)
  if (rule?.blocked === true) {
    throw new BallastError('REFUSED', `${rule.prefix} is blocked on this machine`, {
      hint: `${rule.file} says so: remove "blocked" there, or use another registry`,
    })
  }
  const mirrors = mirrorsOf(rule, { whole, reference })
  const ofDocker = mirrors.length === 0 && isHub(host) ? await readDockerMirrors(files.daemons) : []
  return {
    mirrors: [
      ...mirrors,
      ...ofDocker.map(({ host, protocol }) => ({
        host,
        name,
        insecure: false,
        plainHttp: protocol === 'http:',
        tags: true,
      })),
    ],
    home: {
      ...splitPlace(relocated(whole, rule?.prefix ?? '', rule?.location ?? '')),
      insecure: rule?.insecure === true,
      plainHttp: false,
      tags: true,
    },
    // Of what stands in the registry's place, not of itself.
    insecure: ruleFor(rules.filter(isOwn), `${whole}:`)?.insecure === true,
  }
}

function isOwn({ prefix, location }: RegistryRule): boolean {
  return location === '' || location === prefix
}

function mirrorsOf(
  rule: RegistryRule | undefined,
  { whole, reference }: { readonly whole: string; readonly reference: string },
): readonly PullPlace[] {
  const other = isDigest(reference) ? 'tag-only' : 'digest-only'
  return (rule?.mirrors ?? [])
    .filter(({ use }) => use !== other)
    .map(({ location, insecure, use }) => ({
      ...splitPlace(relocated(whole, rule?.prefix ?? '', location)),
      insecure,
      plainHttp: false,
      tags: use !== 'digest-only',
    }))
}

function splitPlace(text: string): RepositoryPlace {
  const at = text.indexOf('/')
  return { host: text.slice(0, at), name: text.slice(at + 1) }
}
