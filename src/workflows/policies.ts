import { basename, dirname, resolve } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Digest,
  isBallastError,
  named,
  readIfPresent,
} from '../core/index.ts'
import { arrayOf, type Json, objectOf, parseJson, parseYaml, type Tag } from '../model/index.ts'
import { decodePolicy, encodePolicy, LARGEST_POLICY, type Policy } from '../policy/index.ts'
import type { Store } from '../store/index.ts'
import type { Signer } from '../trust/index.ts'
import { requireKnownFormats } from './model-formats.ts'
import { keyId, policyDigest, policyIn, signPolicy } from './policy-record.ts'
import { resolveVersion } from './resolve.ts'
import type { StagePlace } from './stage-place.ts'
import { type StageAccess, withStages } from './stage-version.ts'
import { whoRunsThis } from './who.ts'

export interface ShownPolicy {
  /** `sentiment:prod`. */
  readonly stage: string
  readonly policy: Json
  readonly digest: Digest
  readonly time: string
  readonly who: string
  /** Whether somebody has signed it; whether the signature holds is known to who has the key (`--policy-key`). */
  readonly signed: boolean
}

export interface SetPolicyRequest extends StageAccess {
  /** In YAML or JSON. Keys and the trusted root may be files, beside it. */
  readonly file: string
  /** Who stands for it. */
  readonly signer?: Signer | undefined
}

/** Puts a policy in force for a stage (`sentiment:prod`), whatever that points to now. Throws USAGE for what is no policy. */
export async function setPolicy(
  store: Store,
  { file, signer, ...request }: SetPolicyRequest,
  options: CallOptions = {},
): Promise<ShownPolicy> {
  return withStages(store, request, async (place, stage) => {
    if (stage === undefined) throw whichStage(request.ref, 'set')
    const policy = await readPolicy(file, stage)
    const record = {
      policy: encodePolicy(policy),
      time: new Date().toISOString(),
      who: whoRunsThis(),
      ...(signer && { signature: signPolicy(policy, { model: place.model, stage }, signer) }),
    }
    await place.setPolicy(stage, record, options)
    return shown(place, stage, { ...record, digest: policyDigest(policy) })
  })
}

/** Why what a stage of the store points to now is not served by its name; undefined where it is, or it points to nothing. */
export async function whyNotServed(store: Store, ref: string): Promise<string | undefined> {
  try {
    await resolveVersion(store, ref)
    return undefined
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND')) return undefined
    if (isBallastError(error, 'REFUSED') || isBallastError(error, 'DAMAGED')) return error.message
    throw error
  }
}

/** Of one stage, or of all stages of a model. Throws NOT_FOUND where there is none. */
export async function showPolicies(
  store: Store,
  request: StageAccess,
  options: CallOptions = {},
): Promise<readonly ShownPolicy[]> {
  return withStages(store, request, async (place, stage) => {
    const found: ShownPolicy[] = []
    for (const one of stage === undefined ? await place.listStages(options) : [stage]) {
      const record = await place.policyOf(one, options)
      if (record === undefined) continue
      const digest = policyDigest(policyIn(record, place.at(one), one))
      found.push(shown(place, one, { ...record, policy: objectOf(record.policy), digest }))
    }
    if (found.length > 0) return found
    throw noPolicy(stage === undefined ? place.model : place.at(stage))
  })
}

/** From then on the stage is a tag as any other. Throws NOT_FOUND where it is already. */
export async function removePolicy(
  store: Store,
  request: StageAccess,
  options: CallOptions = {},
): Promise<{ readonly stage: string }> {
  return withStages(store, request, async (place, stage) => {
    if (stage === undefined) throw whichStage(request.ref, 'remove')
    if ((await place.policyOf(stage, options)) === undefined) throw noPolicy(place.at(stage))
    const record = { policy: null, time: new Date().toISOString(), who: whoRunsThis() }
    await place.setPolicy(stage, record, options)
    return { stage: place.at(stage) }
  })
}

/** The policy in a file, with its keys in it. Throws NOT_FOUND and USAGE naming the file. */
export async function readPolicy(file: string, stage: Tag): Promise<Policy> {
  const text = (await contentOf(file)).toString('utf8')
  const { value } = await parseYaml(text, file)
  const policy = decodePolicy(await withFiles(value, dirname(resolve(file))), {
    what: file,
    keys: keyId,
    stage,
  })
  requireKnownFormats(policy.requires.formats ?? [], file)
  if (JSON.stringify(encodePolicy(policy)).length <= LARGEST_POLICY) return policy
  throw new BallastError('USAGE', `${file} is larger than a policy may be`, {
    hint: `at most ${LARGEST_POLICY / 1024} KiB with its keys`,
  })
}

/** What stands as a path where a key or the trusted root is meant is replaced by the content of that file. */
async function withFiles(value: unknown, directory: string): Promise<unknown> {
  const { requires, trustedRoot, ...document } = objectOf(value)
  const { signed, approved, ...rules } = objectOf(requires)
  const root =
    typeof trustedRoot === 'string'
      ? parseJson(await contentOf(resolve(directory, trustedRoot)))
      : trustedRoot
  return {
    ...document,
    ...(trustedRoot !== undefined && { trustedRoot: root ?? trustedRoot }),
    ...(requires !== undefined && {
      requires: {
        ...rules,
        ...(signed !== undefined && { signed: await signersWithKeys(signed, directory) }),
        ...(approved !== undefined && { approved: await signersWithKeys(approved, directory) }),
      },
    }),
  }
}

async function signersWithKeys(value: unknown, directory: string): Promise<unknown> {
  const { by, ...signers } = objectOf(value)
  if (by === undefined) return value
  const all = Array.isArray(by) ? arrayOf(by) : [by]
  return { ...signers, by: await Promise.all(all.map((signer) => signerWithKey(signer, directory))) }
}

async function signerWithKey(value: unknown, directory: string): Promise<unknown> {
  if (typeof value === 'string') return { key: await keyIn(value, directory), ...nameOf(value) }
  const { key, ...signer } = objectOf(value)
  return typeof key === 'string' ? { ...signer, key: await keyIn(key, directory) } : value
}

/** A key file's own, for people, where it is plain. */
function nameOf(file: string): { readonly name?: string } {
  const name = basename(file).replace(/\.(?:pub|pem|key)$/, '')
  return !file.includes('-----BEGIN') && /^[\w.@+ -]{1,100}$/.test(name) ? { name } : {}
}

async function keyIn(text: string, directory: string): Promise<string> {
  return text.includes('-----BEGIN') ? text : (await contentOf(resolve(directory, text))).toString('utf8')
}

async function contentOf(file: string): Promise<Buffer> {
  const bytes = await named(file, () => readIfPresent(file))
  if (bytes !== undefined) return bytes
  throw new BallastError('NOT_FOUND', `${file}: no such file`, {
    hint: 'a policy names its keys by files beside it, or has them in it',
  })
}

function shown(
  place: StagePlace,
  stage: Tag,
  {
    policy,
    digest,
    time,
    who,
    signature,
  }: Pick<ShownPolicy, 'policy' | 'digest' | 'time' | 'who'> & { readonly signature?: Json | undefined },
): ShownPolicy {
  return { stage: place.at(stage), policy, digest, time, who, signed: signature !== undefined }
}

function whichStage(ref: string, action: string): BallastError {
  return new BallastError('USAGE', `which stage of ${ref}?`, {
    hint: `name it: ballast policy ${action} ${ref}:prod`,
  })
}

function noPolicy(what: string): BallastError {
  return new BallastError('NOT_FOUND', `${what} has no policy`, {
    hint: `to set one: ballast policy set ${what.includes(':') ? what : `${what}:prod`} policy.yaml`,
  })
}
