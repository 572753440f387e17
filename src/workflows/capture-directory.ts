import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Digest,
  digestOf,
  isBallastError,
  systemCode,
} from '../core/index.ts'
import type { ParentVersion } from '../model/index.ts'
import { currentGeneration, GENERATIONS, inspectTarget, readState, readWritable } from '../mount/index.ts'
import {
  createKnownFiles,
  findCheckpoint,
  type KnownFiles,
  type PathFilter,
  type Scan,
  type SourceFile,
  scanLocalFiles,
  stateOfScan,
  whenStill,
} from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { type AddResult, addFiles, quoted } from './add.ts'
import { attachLineage, parentAt } from './lineage.ts'

export interface DirectoryCapture {
  readonly name: string
  /** Absolute, on this host. */
  readonly directory: string
  /** What people call it: the directory itself, or `volume:NAME:PATH`. */
  readonly called: string
  readonly filter?: PathFilter | undefined
  /** A pattern of the files that say of the directory they are in that it is whole: the newest such one is captured. */
  readonly marker?: string | undefined
  /** What is mounted there where it is left out. */
  readonly parent?: ParentVersion | undefined
  /** In milliseconds, as `whenStill` has them. */
  readonly quietMs?: number | undefined
  readonly waitMs?: number | undefined
}

export interface CapturedDirectory extends AddResult {
  /** Below the directory; only with a marker. */
  readonly checkpoint?: string
  /** Of the files as they were captured. */
  readonly state: Digest
}

/** What would be captured, as it stands now. */
export interface Candidate extends Scan {
  readonly checkpoint?: string
}

/** Throws what `scanLocalFiles` and `findCheckpoint` throw, and USAGE for a target that leads to several models. */
export async function findCandidate({
  directory: named,
  filter,
  marker,
}: Pick<DirectoryCapture, 'directory' | 'filter' | 'marker'>): Promise<Candidate> {
  if (marker !== undefined) return findCheckpoint({ directory: named, marker, filter })
  return scanLocalFiles([await modelDirectory(named)], { skipOwn: true, filter })
}

/**
 * The files of a directory of this host become a version, once nobody writes to them. Those that are as they were when they
 * were last captured are not read. Throws REFUSED (retryable) where they never stand still, and what `add` throws.
 */
export async function captureDirectory(
  store: Store,
  capture: DirectoryCapture,
  options: CallOptions = {},
): Promise<CapturedDirectory> {
  const { name, directory, called, quietMs, waitMs } = capture
  const known = await loadKnown(store, directory)
  const from = called === directory ? quoted(directory) : called
  return whenStill(
    () => findCandidate(capture),
    async ({ scan, confirm }) => {
      const { checkpoint } = scan
      const parent = capture.parent ?? (await mountedParent(directory, checkpoint))
      const result = await addFiles(
        store,
        {
          name,
          scan,
          from: checkpoint === undefined ? from : whereIs(checkpoint, { directory, called }),
          by: 'capture',
          known: known.files,
          async beforeNumber(stored) {
            await confirm()
            const lineage = { by: 'capture', from: called, checkpoint, parent }
            await attachLineage(store, stored.session, { ...stored, lineage })
          },
        },
        options,
      )
      await known.save(scan.files)
      return { ...result, ...(checkpoint !== undefined && { checkpoint }), state: stateOfScan(scan) }
    },
    { quietMs, waitMs, signal: options.signal },
  )
}

/** A target that follows one tag stands for the version that it leads to. */
async function modelDirectory(directory: string): Promise<string> {
  if ((await inspectTarget(directory).catch(() => undefined))?.kind === 'following') {
    const name = onlyModel(Object.keys((await readState(directory)).models), directory)
    const id = await currentGeneration(directory, name)
    if (id !== undefined) return join(directory, GENERATIONS, id)
  }
  return directory
}

export function onlyModel(names: readonly string[], where: string): string {
  const [only, ...others] = names
  if (only !== undefined && others.length === 0) return only
  throw new BallastError('USAGE', `${where} leads to several models: ${names.join(', ')}`, {
    hint: 'name one of them behind the path',
  })
}

async function mountedParent(
  directory: string,
  checkpoint: string | undefined,
): Promise<ParentVersion | undefined> {
  // Not the marker in it, which whoever writes there may have written to.
  const writable = (await readWritable(directory))?.marker
  if (writable !== undefined)
    return { model: writable.model, number: writable.number, digest: writable.digest }
  const nearest = checkpoint === undefined ? undefined : await parentAt(join(directory, checkpoint))
  return nearest ?? (await parentAt(await modelDirectory(directory)))
}

function whereIs(
  checkpoint: string,
  { directory, called }: Pick<DirectoryCapture, 'directory' | 'called'>,
): string {
  if (checkpoint === '') return called === directory ? quoted(directory) : called
  return called === directory ? quoted(join(directory, checkpoint)) : `${called}/${checkpoint}`
}

interface LoadedKnown {
  readonly files: KnownFiles
  readonly save: (files: readonly SourceFile[]) => Promise<void>
}

const KIND = 'captured'

/** What was read of a directory before, kept in the store's cache. */
async function loadKnown(store: Store, directory: string): Promise<LoadedKnown> {
  const key = digestOf(await realpath(directory).catch(() => directory))
  const saved = await store.cache.get(KIND, key).catch(() => undefined)
  const files = createKnownFiles(saved)
  return {
    files,
    async save(scanned) {
      try {
        await using session = await store.beginReading()
        await store.cache.put(session, KIND, { digest: key, data: files.save(scanned) })
      } catch (error) {
        // The version is there; the files are only read once more.
        if (systemCode(error) === undefined && !isBallastError(error)) throw error
      }
    },
  }
}
