/** The error codes of the distribution-spec ("Error Codes") with the status that each is answered with. */
export const OCI_STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DENIED: 403,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  RANGE_INVALID: 416,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAUTHORIZED: 401,
  UNKNOWN: 500,
  UNSUPPORTED: 405,
} as const

export type OciCode = keyof typeof OCI_STATUS

export interface OciError {
  readonly code: string
  readonly message: string
}

/** The body of an error answer. */
export function encodeErrors(code: OciCode, message: string, detail?: unknown): string {
  return `${JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] })}\n`
}

/** What an error answer says; none for a body that is not of the specified form. */
export function decodeErrors(body: Uint8Array): readonly OciError[] {
  try {
    const { errors } = JSON.parse(Buffer.from(body).toString('utf8')) as { errors?: unknown }
    if (!Array.isArray(errors)) return []
    return errors.flatMap((error: unknown) => {
      const { code, message } = (error ?? {}) as Partial<Record<string, unknown>>
      if (typeof code !== 'string') return []
      return [{ code, message: typeof message === 'string' ? message : '' }]
    })
  } catch {
    return []
  }
}
