import { BallastError } from '../core/index.ts'

/** `REF` or `REF=PATH`. A path is absolute, so the `=` before it is one that a `/` follows. Throws USAGE. */
export function splitModelPath(text: string): { readonly ref: string; readonly path: string | undefined } {
  const at = text.indexOf('=/')
  if (at >= 0) return { ref: text.slice(0, at), path: text.slice(at + 1) }
  if (!text.includes('=')) return { ref: text, path: undefined }
  throw new BallastError('USAGE', `the path in ${JSON.stringify(text)} is not absolute`, {
    hint: 'write REF=PATH with the path in the container, as in sentiment:prod=/app/models',
  })
}

/** Absolute, of something below `/`, without `.` and `..`. */
export function isContainerPath(path: string): boolean {
  return /^(?:\/(?!\.\.?(?:\/|$))[^/]+)+$/.test(path)
}
