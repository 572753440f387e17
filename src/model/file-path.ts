import { BallastError } from '../core/index.ts'

/** Where Ballast keeps its own files inside a delivered tree; no model file may be there. */
export const OWN_DIRECTORY = '.ballast'

/**
 * A model file's path: relative, `/` between its parts, safe to join to any directory.
 * Throws REFUSED with the reason; the text may come from anywhere.
 */
export function checkFilePath(path: string): string {
  const reason = whyUnsafe(path)
  if (reason === undefined) return path
  throw new BallastError('REFUSED', `unsafe file name ${shown(path)}: ${reason}`)
}

/** JSON leaves some of what a terminal obeys as it is. */
function shown(path: string): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(path).replace(/[\u007f-\u009f]/g, escaped)
}

function whyUnsafe(path: string): string | undefined {
  if (path === '') return 'it is empty'
  if (path.startsWith('/')) return 'it is absolute'
  if (Buffer.byteLength(path) > 4000) return 'it is longer than 4000 bytes'
  if (/[\u0000-\u001f\u007f-\u009f]/.test(path)) return 'it has a control character'
  if (path.includes('\ufffd') || !path.isWellFormed()) return 'it is not valid UTF-8'
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') return `it has a part ${JSON.stringify(part)}`
    if (part === OWN_DIRECTORY) return `${OWN_DIRECTORY} is Ballast's own directory`
    if (part.startsWith('.wh.')) return 'names that begin with .wh. delete files in an image'
    if (Buffer.byteLength(part) > 255) return 'a part of it is longer than 255 bytes'
  }
  return undefined
}
