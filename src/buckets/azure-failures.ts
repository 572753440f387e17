import { systemCode } from '../core/index.ts'
import type { Dialect } from './failures.ts'

/** `until`: when the SAS ends, where there is one. */
export function azureDialect(name: string, until?: Date): Dialect {
  return {
    address: `az://${name}`,
    noBucket: ['ContainerNotFound'],
    noCredentials:
      /^(?:CredentialUnavailableError|AuthenticationRequiredError|AggregateAuthenticationError|AuthenticationError)$/,
    // An expired SAS is refused with the time in the details alone, and by some servers without.
    expired:
      /ExpiredSas|ExpiredAuthenticationToken|Signature not valid in the specified time frame|token is expired/i,
    credentialsHint:
      'credentials are looked for in AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, then by `az login` and the identity of the workload or machine',
    failureOf(error) {
      if (!(error instanceof Error)) return undefined
      const status = azureStatusOf(error)
      const isExpired = status === 403 && until !== undefined && until.getTime() < Date.now()
      const code = isExpired ? 'ExpiredSas' : codeOf(error)
      if (
        status === undefined &&
        systemCode(error) === undefined &&
        !/Authentication|Credential/.test(error.name)
      )
        return undefined
      return { status, code, message: messageOf(error) }
    },
  }
}

function codeOf(error: Error): string {
  const { code, details } = error as {
    readonly code?: string
    readonly details?: { readonly errorCode?: string }
  }
  return details?.errorCode ?? code ?? error.name
}

/** The library appends the whole answer as JSON. */
function messageOf(error: Error): string {
  const { details } = error as { readonly details?: { readonly authenticationErrorDetail?: string } }
  return [error.message.split('\n')[0], details?.authenticationErrorDetail].filter(Boolean).join(' ')
}

export function azureStatusOf(error: unknown): number | undefined {
  const { statusCode } = (error ?? {}) as { readonly statusCode?: number }
  return statusCode
}
