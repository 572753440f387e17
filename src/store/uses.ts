import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Digest,
  digestOf,
  hexOf,
  isDigest,
  listIfPresent,
  makeShared,
  readIfPresent,
  writeFileDurably,
} from '../core/index.ts'
import { isName, parseJson, type RepositoryName } from '../model/index.ts'
import { fileOptions, type StoreLayout } from './layout.ts'
import type { Session } from './session.ts'

export type UseKind = 'target' | 'volume' | 'image' | 'remote'

/** A place outside of the store to which a version was brought. */
export interface Use {
  /** `remote` is where it was pushed. */
  readonly kind: UseKind
  /** A directory's absolute path, a volume's name, an image's reference or a remote one. */
  readonly place: string
  /** Of a target in which several models are: the name of this one's link there. */
  readonly link?: string | undefined
  /** Of a volume: where it is on the host, as far as that is known. */
  readonly directory?: string | undefined
  /** The host's name, by which its paths and volumes are told from those of others. */
  readonly host: string
  readonly model: RepositoryName
  readonly digest: Digest
  readonly number: number
  /** As it was asked for: `sentiment:prod`. */
  readonly reference: string
  /** When it was brought there; ISO 8601. */
  readonly time: string
}

/** One record for each place, of what it was given last. Whether that is still there is for others to find out. */
export interface Uses {
  /** The oldest first. What cannot be read is left out. */
  list(): Promise<readonly Use[]>
  /** In the place of what that place had before; the same again is written anew after a day. Nothing on a store that this user cannot write to. */
  record(session: Session, use: Omit<Use, 'time'>): Promise<void>
  /** Unless it was given something else meanwhile. */
  forget(use: Use): Promise<void>
}

export function createUses(layout: StoreLayout): Uses {
  const pathOf = ({ kind, place, link, host }: Pick<Use, 'kind' | 'place' | 'link' | 'host'>): string =>
    join(layout.uses, `${hexOf(digestOf(JSON.stringify([kind, host, place, link ?? null])))}.json`)

  const readAt = async (path: string): Promise<Use | undefined> => decodeUse(await readIfPresent(path))

  return {
    async list() {
      const names = (await listIfPresent(layout.uses)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
      const found = await Promise.all(names.map((name) => readAt(join(layout.uses, name))))
      return found.filter((use) => use !== undefined).sort((a, b) => a.time.localeCompare(b.time))
    },
    async record(session, use) {
      if (!session.writable) return
      const known = await readAt(pathOf(use))
      if (known !== undefined && isSame(known, use) && Date.now() - Date.parse(known.time) < RENEWED_MS)
        return
      await makeShared(layout.uses, layout.sharing)
      const text = JSON.stringify({ version: 1, ...use, time: new Date().toISOString() })
      await writeFileDurably(pathOf(use), `${text}\n`, fileOptions(layout, session))
    },
    async forget(use) {
      const path = pathOf(use)
      const now = await readAt(path)
      if (now === undefined || (now.time === use.time && now.digest === use.digest))
        await rm(path, { force: true })
    },
  }
}

const RENEWED_MS = 24 * 60 * 60_000

function isSame(known: Use, { reference, digest, number, directory }: Omit<Use, 'time'>): boolean {
  return (
    known.digest === digest &&
    known.number === number &&
    known.reference === reference &&
    known.directory === directory
  )
}

const KINDS: readonly unknown[] = ['target', 'volume', 'image', 'remote'] satisfies UseKind[]

function decodeUse(bytes: Buffer | undefined): Use | undefined {
  const parsed = bytes && parseJson(bytes)
  if (parsed?.version !== 1 || !KINDS.includes(parsed.kind)) return undefined
  const { kind, place, link, directory, host, model, digest, number, reference, time } = parsed
  const texts = [place, host, model, digest, reference, time]
  if (texts.some((text) => typeof text !== 'string') || typeof number !== 'number') return undefined
  if (!isDigest(digest as string) || !isName(model as string)) return undefined
  return {
    kind: kind as UseKind,
    place: place as string,
    ...(typeof link === 'string' && { link }),
    ...(typeof directory === 'string' && { directory }),
    host: host as string,
    model: model as RepositoryName,
    digest: digest as Digest,
    number,
    reference: reference as string,
    time: time as string,
  }
}
