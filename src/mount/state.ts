import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, type Digest, isSystemError, writeFileDurably } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import { STATE } from './names.ts'

/** One version that a link has led to. `id` names its directory below `.ballast/versions/`; `time` is ISO 8601. */
export interface Generation {
  readonly id: string
  readonly digest: Digest
  readonly number: number
  readonly time: string
  readonly by: string
}

/** What stands behind one link of a following target. */
export interface Followed {
  readonly model: string
  readonly reference: string
  /** Links at the target's root beside the directory link, for a model of one file. */
  readonly files: readonly string[]
  /** Oldest first; the last one is what the link leads to. */
  readonly generations: readonly Generation[]
}

/** `.ballast/state.json`. The links are the truth; this tells people and tools what stands behind them. */
export interface TargetRecord {
  readonly version: 1
  readonly models: Readonly<Record<string, Followed>>
}

const LONGEST_HISTORY = 100

/** Throws DAMAGED when it cannot be read. */
export async function readState(target: string): Promise<TargetRecord> {
  try {
    const parsed = parseJson(await readFile(join(target, STATE)))
    if (parsed?.version === 1 && typeof parsed.models === 'object') return parsed as unknown as TargetRecord
    throw new BallastError('DAMAGED', `${join(target, STATE)} cannot be read`, {
      hint: 'delete that file and mount again',
    })
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return { version: 1, models: {} }
    throw error
  }
}

export async function writeState(target: string, state: TargetRecord): Promise<void> {
  await writeFileDurably(join(target, STATE), encodeState(state), { mode: 0o644 })
}

export function encodeState(state: TargetRecord): string {
  return `${JSON.stringify(state, undefined, 2)}\n`
}

export function withGeneration(followed: Followed, generation: Generation): Followed {
  return { ...followed, generations: [...followed.generations, generation].slice(-LONGEST_HISTORY) }
}
