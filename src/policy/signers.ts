import { arrayOf, type Json } from '../model/index.ts'
import { type Fail, objectIn } from './fields.ts'

/** Who may sign, and how many of them have to. */
export interface Signers {
  readonly by: readonly Signer[]
  readonly count: number
}

export type Signer = KeySigner | IdentitySigner

export interface KeySigner {
  /** What the key is known by: `sha256:` of it. */
  readonly id: string
  /** In PEM: a policy has its keys in it, so that nobody has to look for them. */
  readonly key: string
  /** For people. */
  readonly name?: string | undefined
}

/** Who a certificate was given to, and by whose word. */
export interface IdentitySigner {
  readonly identity: string
  readonly issuer: string
  readonly name?: string | undefined
}

/** The id of a public key in PEM; undefined for anything else. */
export type KeyReader = (pem: string) => string | undefined

export function isKeySigner(signer: Signer): signer is KeySigner {
  return 'key' in signer
}

/** One signer as evidence names it: the key's id, or the identity. */
export function signerId(signer: Signer): string {
  return isKeySigner(signer) ? signer.id : `${signer.identity} (${signer.issuer})`
}

/** For people, short: `alice`, `sha256:0123456789ab`. */
export function formatSigner(signer: Signer): string {
  if (signer.name !== undefined) return signer.name
  return isKeySigner(signer) ? signer.id.slice(0, 'sha256:'.length + 12) : signer.identity
}

/** `{by: [PEM, {key: PEM, name}, {identity, issuer}], count}`. */
export function decodeSigners(value: unknown, keys: KeyReader, fail: Fail): Signers {
  const { by, count = 1, ...others } = objectIn(value, fail)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw fail(`has ${unknown}, which is not known; there are by, count`)
  const signers = arrayOf(by).map((one) => decodeSigner(one, keys, fail))
  if (signers.length === 0) throw fail('names nobody: by is a list of public keys or identities')
  if (new Set(signers.map(signerId)).size < signers.length) throw fail('names somebody twice')
  if (!Number.isInteger(count) || Number(count) < 1)
    throw fail('has a count that is no whole number from 1 on')
  if (Number(count) > signers.length) throw fail(`asks for ${count}, and names ${signers.length}`)
  return { by: signers, count: Number(count) }
}

export function encodeSigners({ by, count }: Signers): Json {
  return {
    by: by.map((signer) => {
      const name = signer.name === undefined ? {} : { name: signer.name }
      return isKeySigner(signer)
        ? { key: signer.key, ...name }
        : { identity: signer.identity, issuer: signer.issuer, ...name }
    }),
    count,
  }
}

function decodeSigner(value: unknown, keys: KeyReader, fail: Fail): Signer {
  const { key, identity, issuer, name, ...others } =
    typeof value === 'string' ? { key: value } : objectIn(value, fail)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw fail(`has a signer with ${unknown}, which is not known`)
  if (name !== undefined && (typeof name !== 'string' || !/^[\w.@+ -]{1,100}$/.test(name))) {
    throw fail('has a name that is not plain')
  }
  const named = name === undefined ? {} : { name: name as string }
  if (typeof key === 'string' && identity === undefined && issuer === undefined) {
    const id = keys(key)
    if (id === undefined) throw fail('has a key that is no public key in PEM')
    return { id, key: `${key.trim()}\n`, ...named }
  }
  if (key === undefined && isFilled(identity) && isFilled(issuer)) return { identity, issuer, ...named }
  throw fail('has a signer that is neither a key nor an identity with its issuer')
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
