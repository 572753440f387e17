import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from './error.ts'

/** Which version a tree holds, as `.ballast/model.json` inside it says. */
export interface ModelVersion {
  readonly model: string
  /** The version's identity: `sha256:` and 64 hexadecimal digits. */
  readonly digest: string
  readonly number: number
  /** As the person who delivered it wrote it. */
  readonly reference: string
}

export const OWN_DIRECTORY = '.ballast'
export const MARKER_NAME = 'model.json'

const DIGEST = /^sha256:[0-9a-f]{64}$/

/** Throws DAMAGED for anything but a marker, and the system's error when there is none. */
export async function readMarker(directory: string): Promise<ModelVersion> {
  const path = join(directory, OWN_DIRECTORY, MARKER_NAME)
  const version = parseMarker(await readFile(path, 'utf8'))
  if (version !== undefined) return version
  throw new ModelError(
    'DAMAGED',
    directory,
    `${path} does not say which version this is: deliver the model again with \`ballast mount\` or \`ballast embed\``,
  )
}

function parseMarker(text: string): ModelVersion | undefined {
  const { model, digest, number, reference } = parseRecord(text) ?? {}
  if (typeof model !== 'string' || typeof digest !== 'string' || !DIGEST.test(digest)) return undefined
  if (typeof number !== 'number' || typeof reference !== 'string') return undefined
  return { model, digest, number, reference }
}

function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
