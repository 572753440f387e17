import { BallastError } from '../core/index.ts'
import { arrayOf, objectOf, parseJson } from '../model/index.ts'

/** The certificate authorities and logs that certificates are judged by (sigstore's trusted_root.json). */
export interface TrustedRoot {
  /** As it is kept in files. */
  readonly document: unknown
  readonly hasTransparencyLogs: boolean
  readonly hasCertificateLogs: boolean
}

/** Throws USAGE for anything else; `what` names it for people. */
export function readTrustedRoot(text: string, what = 'the trusted root'): TrustedRoot {
  const document = parseJson(Buffer.from(text))
  for (const log of [...arrayOf(document?.tlogs), ...arrayOf(document?.ctlogs)]) {
    if (objectOf(objectOf(objectOf(log).publicKey).validFor).start !== undefined) continue
    throw new BallastError('USAGE', `${what} has a log that does not say since when its key counts`, {
      hint: 'get the file anew from who operates the instance',
    })
  }
  if (document !== undefined && arrayOf(document.certificateAuthorities).length > 0) {
    return {
      document,
      hasTransparencyLogs: arrayOf(document.tlogs).length > 0,
      hasCertificateLogs: arrayOf(document.ctlogs).length > 0,
    }
  }
  throw new BallastError('USAGE', `${what} names no certificate authority`, {
    hint: 'give a trusted_root.json, as `cosign trusted-root create` or the operators of the instance have it',
  })
}
