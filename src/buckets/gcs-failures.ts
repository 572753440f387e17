import { systemCode } from '../core/index.ts'
import type { Dialect } from './failures.ts'

export function gcsDialect(name: string): Dialect {
  return {
    address: `gs://${name}`,
    noBucket: ['NoSuchBucket'],
    noCredentials:
      /Could not load the default credentials|invalid_client|invalid_grant|Anonymous caller|Unable to read the credential file/,
    // `invalid_grant` alone may be a wrong key as well.
    expired: /invalid_rapt|token (?:has been )?expired/i,
    credentialsHint:
      'credentials are looked for as Google’s libraries do: GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, the identity of the workload or machine',
    failureOf(error) {
      if (!(error instanceof Error)) return undefined
      const status = gcsStatusOf(error)
      const known =
        status !== undefined ||
        systemCode(error) !== undefined ||
        /credentials|credential file|invalid_/.test(error.message)
      if (!known) return undefined
      // An object that is not there is never told as a failure.
      return { status, code: status === 404 ? 'NoSuchBucket' : reasonOf(error), message: error.message }
    },
  }
}

function reasonOf(error: Error): string {
  const { errors } = error as { readonly errors?: readonly { readonly reason?: string }[] }
  return errors?.[0]?.reason ?? error.message.slice(0, 100)
}

export function gcsStatusOf(error: unknown): number | undefined {
  const { code, status } = (error ?? {}) as { readonly code?: unknown; readonly status?: unknown }
  const told = [code, status].map(Number).find((value) => value >= 400 && value < 600)
  return told
}
