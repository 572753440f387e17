import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError, systemCode } from './error.ts'
import type { TargetLink } from './links.ts'
import { OWN_DIRECTORY } from './marker.ts'

/** What `.ballast/variants/<link>.json` says (docs/design.md, "Variants"), as far as an application needs it. */
export interface VariantFile {
  /** Of the model behind the link; part of what is hashed to pick. */
  readonly model: string
  /** Counts the changes of the file. */
  readonly number: number
  readonly variants: readonly VariantEntry[]
  /** The variant of a tenant, by the tenant. */
  readonly tenants: ReadonlyMap<string, string>
}

export interface VariantEntry {
  readonly name: string
  readonly weight: number
  /** The name of its directory below `.ballast/versions/`. */
  readonly id: string
  readonly digest: string
}

export const VARIANTS = join(OWN_DIRECTORY, 'variants')

/** Undefined where the link is not split. Throws ModelError DAMAGED for anything but such a file. */
export async function readVariantFile({ root, name }: TargetLink): Promise<VariantFile | undefined> {
  const path = join(root, VARIANTS, `${name}.json`)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
  const found = decode(text)
  if (typeof found !== 'string') return found.variants.length === 0 ? undefined : found
  throw new ModelError('DAMAGED', path, `${path} ${found}`)
}

type Json = Readonly<Record<string, unknown>>

/** The file, or what is wrong with it. */
function decode(text: string): VariantFile | string {
  const file = objectOf(parse(text))
  if (typeof file?.version === 'number' && file.version > 1) {
    return 'was written by a newer Ballast: update the runtime library of the application'
  }
  const { model, number } = file ?? {}
  const variants = listOf(file?.variants, decodeEntry)
  const rules = listOf(file?.rules, decodeRule)
  const names = variants?.map(({ name }) => name) ?? []
  const isWhole =
    file?.version === 1 &&
    rules?.every(([, variant]) => names.includes(variant)) === true &&
    new Set(names).size === names.length &&
    (names.length === 0 || variants?.some(({ weight }) => weight > 0) === true)
  if (!isWhole || typeof model !== 'string' || typeof number !== 'number' || variants === undefined) {
    return 'does not say which variants there are: run `ballast split` again'
  }
  return { model, number, variants, tenants: new Map(rules) }
}

function decodeEntry(value: unknown): VariantEntry | undefined {
  const { name, weight, id, digest } = objectOf(value) ?? {}
  if (typeof name !== 'string' || typeof id !== 'string' || typeof digest !== 'string') return undefined
  if (!/^\w[\w.-]*$/.test(id) || !Number.isSafeInteger(weight) || (weight as number) < 0) return undefined
  return { name, weight: weight as number, id, digest }
}

function decodeRule(value: unknown): readonly [string, string] | undefined {
  const { tenant, variant } = objectOf(value) ?? {}
  return typeof tenant === 'string' && typeof variant === 'string' ? [tenant, variant] : undefined
}

function listOf<T>(value: unknown, decodeOne: (value: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined
  const decoded = value.map(decodeOne).filter((one) => one !== undefined)
  return decoded.length === value.length ? decoded : undefined
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
