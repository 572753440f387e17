import { checkFilePath } from '../../model/index.ts'

/**
 * What a file that comes by HTTP is called: what `Content-Disposition` says (RFC 6266), else the last part of the address.
 * Undefined where neither names one. Throws REFUSED for an unsafe name.
 */
export function fileNameOf(url: URL, disposition: string | undefined): string | undefined {
  const name = namedIn(disposition ?? '') ?? decoded(url.pathname.split('/').at(-1) ?? '')
  // Of a path, the last part alone is the name (RFC 6266, 4.3).
  const last = name.split(/[/\\]/).at(-1) ?? ''
  return last === '' ? undefined : checkFilePath(last)
}

function namedIn(disposition: string): string | undefined {
  const [, encoded] = /;\s*filename\*\s*=\s*utf-8''([^;\s]+)/i.exec(disposition) ?? []
  if (encoded !== undefined) return decoded(encoded)
  const [, quoted, plain] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(disposition) ?? []
  return quoted?.replace(/\\(.)/g, '$1') ?? plain
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
