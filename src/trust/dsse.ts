import { arrayOf, objectOf } from '../model/index.ts'

/** A signed document (DSSE 1.0) with the one signature that a sigstore bundle may have. */
export interface Envelope {
  readonly payloadType: string
  readonly payload: Buffer
  readonly signature: Buffer
}

/** What is signed in place of the payload, so that no signature is good for a payload of another type. */
export function preAuthEncoding({ payloadType, payload }: Omit<Envelope, 'signature'>): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}

export function encodeEnvelope({ payloadType, payload, signature }: Envelope): object {
  return {
    payload: payload.toString('base64'),
    payloadType,
    signatures: [{ sig: signature.toString('base64') }],
  }
}

/** Undefined for anything else, and for several signatures or none. */
export function decodeEnvelope(value: unknown): Envelope | undefined {
  const { payload, payloadType, signatures } = objectOf(value)
  const [first, ...more] = arrayOf(signatures)
  const { sig } = objectOf(first)
  if (typeof payload !== 'string' || typeof payloadType !== 'string') return undefined
  if (typeof sig !== 'string' || more.length > 0) return undefined
  return {
    payloadType,
    payload: Buffer.from(payload, 'base64'),
    signature: Buffer.from(sig, 'base64'),
  }
}
