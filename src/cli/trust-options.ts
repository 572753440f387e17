import type { RegistryOptions } from './registry-options.ts'
import type { VerbOption } from './verb.ts'

export interface TrustOptions extends RegistryOptions {
  readonly key?: readonly string[]
  readonly certificateIdentity?: string
  readonly certificateIdentityRegexp?: string
  readonly certificateOidcIssuer?: string
  readonly certificateOidcIssuerRegexp?: string
  readonly trustedRoot?: string
}

/** As cosign calls them. */
export const TRUST_OPTIONS: readonly VerbOption[] = [
  ['--key <file...>', 'a public key whose signature is trusted (several: any of them)'],
  [
    '--certificate-identity <name>',
    'whose signature is trusted: the name in the certificate, an address or a workflow',
  ],
  [
    '--certificate-identity-regexp <pattern>',
    'the same by a pattern; it fits anywhere, so begin with ^ and end with $',
  ],
  ['--certificate-oidc-issuer <url>', 'and who has to vouch for that identity'],
  ['--certificate-oidc-issuer-regexp <pattern>', 'the same by a pattern'],
  ['--trusted-root <file>', 'the authorities and logs that certificates are judged by (trusted_root.json)'],
]

/** Whether it is said whose signatures are wanted, be it in part. */
export function namesSigners(options: TrustOptions): boolean {
  return Object.keys(options).some((name) => /^(?:key|certificate|trusted)/.test(name))
}
