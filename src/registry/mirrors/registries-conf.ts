import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, isBallastError, isSystemError } from '../../core/index.ts'
import { arrayOf, objectOf } from '../../model/index.ts'
import { parseToml } from './toml.ts'

/** When a mirror is asked: for what is named by its digest, by a tag, or for both. */
export type MirrorUse = 'all' | 'digest-only' | 'tag-only'

export interface MirrorRule {
  /** `HOST[:PORT][/PATH]`, which stands in the place of the prefix. */
  readonly location: string
  /** Its certificate is not verified, and without TLS it is spoken to as well. */
  readonly insecure: boolean
  readonly use: MirrorUse
}

/** What containers-registries.conf(5) says of the references that begin with `prefix`. */
export interface RegistryRule {
  /** `HOST[:PORT][/PATH][:TAG]`, or `*.DOMAIN`. */
  readonly prefix: string
  /** Empty where the reference stays as it is. */
  readonly location: string
  readonly insecure: boolean
  readonly blocked: boolean
  readonly mirrors: readonly MirrorRule[]
  /** The file that says so. */
  readonly file: string
}

export interface RegistriesConfPlaces {
  /** The first that is there counts. */
  readonly files: readonly string[]
  /** Of `*.conf` in these, what is read later replaces what was said of the same prefix. */
  readonly directories: readonly string[]
}

/** All rules. Throws REFUSED, naming the file, for one that cannot be understood, DISK. */
export async function readRegistriesConf({
  files,
  directories,
}: RegistriesConfPlaces): Promise<readonly RegistryRule[]> {
  const rules = new Map<string, RegistryRule>()
  const add = async (file: string): Promise<boolean> => {
    const text = await readFile(file, 'utf8').catch(unlessAbsent)
    for (const rule of text === undefined ? [] : await rulesIn(text, file)) rules.set(rule.prefix, rule)
    return text !== undefined
  }
  for (const file of files) if (await add(file)) break
  for (const directory of directories) {
    const names = (await readdir(directory).catch(unlessAbsent)) ?? []
    for (const name of names.filter((name) => name.endsWith('.conf')).sort()) await add(join(directory, name))
  }
  return [...rules.values()]
}

function unlessAbsent(error: unknown): undefined {
  if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
  throw error
}

async function rulesIn(text: string, file: string): Promise<readonly RegistryRule[]> {
  try {
    const { registry } = await parseToml(text)
    return arrayOf(registry).map((entry) => ruleOf(entry, file))
  } catch (error) {
    if (!isBallastError(error)) throw error
    throw new BallastError('REFUSED', `${file} cannot be understood: ${error.message}`, {
      cause: error,
      hint: 'mend it as containers-registries.conf(5) has it; Podman and Skopeo read it too',
    })
  }
}

function ruleOf(entry: unknown, file: string): RegistryRule {
  const fields = objectOf(entry)
  const location = placeIn(fields.location)
  const prefix = placeIn(fields.prefix) || location
  if (prefix === '') throw malformed('a [[registry]] has neither prefix nor location')
  if (location === '' && !prefix.startsWith('*.'))
    throw malformed(`the [[registry]] ${prefix} has no location`)
  const byDigest = fields['mirror-by-digest-only'] === true
  const mirrors = arrayOf(fields.mirror).map((mirror) => mirrorOf(mirror, { prefix, byDigest }))
  return {
    prefix,
    location,
    insecure: fields.insecure === true,
    blocked: fields.blocked === true,
    mirrors,
    file,
  }
}

function mirrorOf(
  entry: unknown,
  { prefix, byDigest }: { readonly prefix: string; readonly byDigest: boolean },
): MirrorRule {
  const fields = objectOf(entry)
  const location = placeIn(fields.location)
  if (location === '') throw malformed(`a mirror of ${prefix} has no location`)
  const use = fields['pull-from-mirror'] ?? (byDigest ? 'digest-only' : 'all')
  if (use !== 'all' && use !== 'digest-only' && use !== 'tag-only') {
    throw malformed(`pull-from-mirror of ${location} is none of all, digest-only and tag-only`)
  }
  return { location, insecure: fields.insecure === true, use }
}

function placeIn(value: unknown): string {
  return typeof value === 'string' ? value.replace(/\/+$/, '') : ''
}

function malformed(why: string): BallastError {
  return new BallastError('REFUSED', why)
}

/** The rule with the longest prefix of the reference, `HOST/NAME[:TAG|@DIGEST]`. */
export function ruleFor(rules: readonly RegistryRule[], reference: string): RegistryRule | undefined {
  const fitting = rules.filter(({ prefix }) => lengthOfMatch(reference, prefix) !== undefined)
  return fitting.toSorted((a, b) => b.prefix.length - a.prefix.length)[0]
}

/** The reference with the location in the place of the prefix. */
export function relocated(reference: string, prefix: string, location: string): string {
  const length = lengthOfMatch(reference, prefix)
  return length === undefined || location === '' ? reference : location + reference.slice(length)
}

function lengthOfMatch(reference: string, prefix: string): number | undefined {
  if (prefix.startsWith('*.')) {
    const host = reference.split('/', 1)[0] ?? ''
    return host.replace(/:\d+$/, '').endsWith(prefix.slice(1)) || host.endsWith(prefix.slice(1))
      ? host.length
      : undefined
  }
  if (reference === prefix) return prefix.length
  // A host alone does not mean the same host at a port.
  const ends = prefix.includes('/') ? /^[:/@]/ : /^\//
  return reference.startsWith(prefix) && ends.test(reference.slice(prefix.length)) ? prefix.length : undefined
}
