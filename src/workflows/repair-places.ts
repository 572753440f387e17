import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  type Digest,
  fileContent,
  isPresent,
} from '../core/index.ts'
import { isRemote, parseOperand } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import type { SourceAccess } from '../sources/index.ts'
import type { ImageAccess } from './image-places.ts'
import { openRemote } from './remotes.ts'

/** What is to be had again. */
export interface Lost {
  readonly digest: Digest
  /** Undefined of a manifest that nothing describes. */
  readonly size: number | undefined
  /** Of a model's file: its path there. */
  readonly path: string | undefined
}

/** Somewhere outside of the store where what is lost may be. */
export interface RepairPlace {
  /** As a user would write it. */
  readonly name: string
  /** The bytes, not verified; undefined where it has not got them. Throws what reaching it throws. */
  find(lost: Lost, options: CallOptions): Promise<Content | undefined>
  close(): Promise<void>
}

export interface RepairAccess {
  readonly images: ImageAccess
  readonly sources: SourceAccess
}

/** Throws what opening a remote or a source throws. */
export async function openPlace(address: string, { images, sources }: RepairAccess): Promise<RepairPlace> {
  if (isRemote(address)) {
    const { repository } = await openRemote(address, images)
    return { name: address, find: inRepository(repository), close: async () => repository.close?.() }
  }
  if (parseOperand(address).kind === 'path') return ofDirectory(address)
  return ofSource(address, sources)
}

function inRepository(repository: ImageRepository): RepairPlace['find'] {
  return async ({ digest, size }, options) => {
    if (size !== undefined && (await repository.hasBlob({ digest, size }, options))) {
      return repository.openBlob({ digest, size }, { signal: options.signal, once: true })
    }
    const manifest = await repository.getManifest(digest, options)
    return manifest && bytesContent(manifest.bytes)
  }
}

/** What was added from there, if it is there still: its digest tells. */
function ofDirectory(directory: string): RepairPlace {
  return {
    name: directory,
    async find({ path, size }) {
      if (path === undefined || size === undefined) return undefined
      for (const file of [join(directory, path), directory]) {
        if (await isReadable(file)) return fileContent(file, size)
      }
      if (!(await isPresent(directory))) throw new BallastError('NOT_FOUND', 'there is no such directory')
      return undefined
    },
    async close() {},
  }
}

async function isReadable(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  if (info?.isFile() !== true) return false
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  )
}

async function ofSource(address: string, sources: SourceAccess): Promise<RepairPlace> {
  const { openSource } = await import('../sources/index.ts')
  const source = await openSource(address, { access: sources })
  let listing: ReturnType<typeof source.list> | undefined
  return {
    name: source.address,
    async find({ path, size }, options) {
      listing ??= source.list(options)
      const file = (await listing).files.find((file) => file.path === path && file.size === size)
      return file?.content
    },
    async close() {},
  }
}

/** For people: why a place could not give it. */
export interface Tried {
  readonly from: string
  readonly why: string
}

export function triedInVain(from: string, error: BallastError | undefined): Tried {
  return { from, why: error?.message ?? 'it has not got it' }
}
