import { join, resolve } from 'node:path'
import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { blobsOfFiles, formatReference, nameOfFiles, parseOperand } from '../model/index.ts'
import {
  checkTree,
  currentGeneration,
  GENERATIONS,
  inspectTarget,
  readState,
  readTree,
} from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { mendingHint, resolveVersion } from './resolve.ts'

export interface CheckResult {
  readonly operand: string
  /** What is there: `sentiment:3`; undefined where nothing is. */
  readonly version: string | undefined
  readonly digest: Digest | undefined
  readonly faults: readonly string[]
  readonly extra: readonly string[]
  /** What to do about the faults. */
  readonly mend: string | undefined
}

export interface CheckOptions extends CallOptions {
  /** Hash every file instead of looking at sizes, times and inodes. */
  readonly full?: boolean
}

/** Whether a mounted directory, or a version in the store, is there and whole. A following target gives one result a link. */
export async function check(
  store: Store,
  operand: string,
  options: CheckOptions = {},
): Promise<readonly CheckResult[]> {
  const parsed = parseOperand(operand)
  if (parsed.kind === 'path') return checkTarget(resolve(parsed.path), operand, options)
  return [await checkStored(store, operand, options)]
}

async function checkTarget(
  target: string,
  operand: string,
  options: CheckOptions,
): Promise<readonly CheckResult[]> {
  const state = await inspectTarget(target)
  if (state.kind === 'pinned')
    return [await checkDelivered(target, { operand, again: `${operand} --replace` }, options)]
  if (state.kind === 'following') {
    const names = Object.keys((await readState(target)).models)
    const results: CheckResult[] = []
    for (const name of names) {
      const id = await currentGeneration(target, name)
      const tree = id === undefined ? join(target, name) : join(target, GENERATIONS, id)
      const label = names.length === 1 ? operand : `${operand} (${name})`
      const again = `${operand} --follow --once --as ${name}`
      results.push(await checkDelivered(tree, { operand: label, again }, options))
    }
    if (results.length > 0) return results
  }
  const what = {
    absent: 'does not exist',
    empty: 'is empty',
    foreign: 'holds files that Ballast did not deliver',
  }
  if (state.kind === 'broken') {
    const mend = `mount the version anew: ballast mount REF ${operand} --replace`
    return [
      { operand, version: undefined, digest: undefined, faults: [state.reason.message], extra: [], mend },
    ]
  }
  const fault = state.kind in what ? what[state.kind as keyof typeof what] : 'holds no model yet'
  const mend = `to mount a model there: ballast mount REF ${operand}`
  return [
    { operand, version: undefined, digest: undefined, faults: [`${operand} ${fault}`], extra: [], mend },
  ]
}

async function checkDelivered(
  tree: string,
  { operand, again }: { readonly operand: string; readonly again: string },
  options: CheckOptions,
): Promise<CheckResult> {
  const found = await readTree(tree)
  if (found === undefined) {
    const faults = ['the version that the link leads to is not there']
    return { operand, version: undefined, digest: undefined, faults, extra: [], mend: 'mount it again' }
  }
  const { marker, version } = found
  const result = await checkTree(tree, version, options)
  return {
    operand,
    version: marker.number === 0 ? marker.reference : `${marker.model}:${marker.number}`,
    digest: version.digest,
    ...result,
    mend:
      result.faults.length === 0 ? undefined : `mount it again: ballast mount ${marker.reference} ${again}`,
  }
}

async function checkStored(store: Store, operand: string, options: CheckOptions): Promise<CheckResult> {
  const { reference, number, version } = await resolveVersion(store, operand)
  const faults: string[] = []
  for (const blob of blobsOfFiles(version.files)) {
    const fault = await blobFault(store, blob, options)
    if (fault !== undefined) faults.push(`${nameOfFiles(blob.files)}: ${fault}`)
  }
  const mend = faults.length === 0 ? undefined : await mendingHint(store, reference)
  const name = number === 0 ? formatReference(reference) : `${reference.name}:${number}`
  return { operand, version: name, digest: version.digest, faults, extra: [], mend }
}

async function blobFault(
  store: Store,
  blob: { readonly digest: Digest; readonly size: number },
  options: CheckOptions,
): Promise<string | undefined> {
  if (options.full === true) {
    const found = await store.blobs.rehash(blob, options)
    return found === 'intact' ? undefined : found
  }
  return store.blobs.ensureIntact(blob).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof BallastError) return error.code === 'NOT_FOUND' ? 'missing' : 'damaged'
      throw error
    },
  )
}
