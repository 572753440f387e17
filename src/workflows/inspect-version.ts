import { type CallOptions, type Digest, forEachLimited, isBallastError } from '../core/index.ts'
import {
  type Description,
  decodeDescription,
  describeFiles,
  encodeDescription,
  type FileFacts,
  inspectFile,
  LARGEST_DESCRIPTION,
  randomAccess,
} from '../formats/index.ts'
import {
  describedBy,
  MODEL_DESCRIPTION,
  type ModelFile,
  type RepositoryName,
  type Version,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import { attach, type ReadOptions, readAttachments } from './attachments.ts'

const FILES_AT_ONCE = 4
/** Above this, files whose names tell nothing are looked at by size, and the rest not at all: the description says so. */
const MOST_INSPECTED = 2000

/** What the version's files are, by their heads and headers; weights are not read. Of very many files the telling ones, unless `all`. */
export async function inspectVersion(
  store: Store,
  version: Version,
  options: CallOptions & { readonly all?: boolean } = {},
): Promise<Description> {
  return describeInspected(version, await inspectFiles(store, version, options))
}

function describeInspected(version: Version, facts: ReadonlyMap<string, FileFacts>): Description {
  return describeFiles(version.files.map(({ path, size }) => ({ path, size, facts: facts.get(path) })))
}

async function inspectFiles(
  store: Store,
  version: Version,
  { all = false, ...options }: CallOptions & { readonly all?: boolean },
): Promise<ReadonlyMap<string, FileFacts>> {
  const facts = new Map<string, FileFacts>()
  const inspect = async (file: ModelFile): Promise<void> => {
    try {
      facts.set(file.path, await inspectFile(randomAccess(file.path, store.fileContent(file))))
    } catch (error) {
      // A file that is missing or damaged is `verify`'s business; the others can be described all the same.
      if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) throw error
    }
  }
  const files = all ? version.files : selectTelling(version.files)
  await forEachLimited(files, FILES_AT_ONCE, inspect, options.signal)
  return facts
}

/**
 * Attaches the description of a version to its manifest, which must be stored and leased by the session: the store then
 * keeps it for as long as the version. Nothing else depends on it, so that a kill in between loses nothing but time. What the
 * headers of the files say of the model is given back.
 */
export async function describeVersion(
  store: Store,
  session: Session,
  { name, version }: { readonly name: RepositoryName; readonly version: Version },
  options: CallOptions = {},
): Promise<readonly Readonly<Record<string, string>>[]> {
  const facts = await inspectFiles(store, version, options)
  const data = encodeDescription(describeInspected(version, facts))
  const digest = await attach(store, session, {
    name,
    subject: version.digest,
    type: MODEL_DESCRIPTION,
    data,
  })
  if (digest !== undefined) await removeOthers(store, { name, subject: version.digest, digest })
  return version.files.map(({ path }) => facts.get(path)?.told).filter((told) => told !== undefined)
}

/** What is attached to the versions of a model; undefined where nothing is. Reads a few KiB a version. */
export async function readDescriptions(
  store: Store,
  name: RepositoryName,
  options: ReadOptions = {},
): Promise<(version: Digest) => Promise<Description | undefined>> {
  const wanted = { name, type: MODEL_DESCRIPTION, largest: LARGEST_DESCRIPTION }
  const attached = await readAttachments(store, wanted, options)
  return async (version) =>
    (await attached(version))
      .map(decodeDescription)
      .filter((description) => description !== undefined)
      .sort((a, b) => a.describer - b.describer)
      .at(-1)
}

/** What is attached to a version, else what its files say now. */
export async function descriptionOf(
  store: Store,
  { name, version }: { readonly name: RepositoryName; readonly version: Version },
): Promise<Description> {
  const read = await readDescriptions(store, name)
  return (await read(version.digest)) ?? (await inspectVersion(store, version))
}

/** Descriptions by former rules, or from elsewhere: this one was made from the files. */
async function removeOthers(
  store: Store,
  {
    name,
    subject,
    digest,
  }: { readonly name: RepositoryName; readonly subject: Digest; readonly digest: Digest },
): Promise<void> {
  for (const other of await store.listReferrers(name)) {
    if (other.subject !== subject || other.digest === digest) continue
    const manifest = await store.readManifest(other.digest).catch(() => undefined)
    if (manifest !== undefined && describedBy(manifest) !== undefined) {
      await store.records.removeUntagged(name, other.digest)
    }
  }
}

/** Names of files that are models, or say something about the others. */
const TELLING =
  /(?:\.(?:safetensors|gguf|onnx|pb|keras|h5|hdf5|pt|pth|ckpt|bin|pkl|pickle|joblib|dill|npz|mar|tflite)|(?:^|\/)config\.json|\.index\.json)$/i

function selectTelling(files: readonly ModelFile[]): readonly ModelFile[] {
  if (files.length <= MOST_INSPECTED) return files
  const rank = ({ path }: ModelFile): number => (TELLING.test(path) ? 0 : 1)
  return [...files].sort((a, b) => rank(a) - rank(b) || b.size - a.size).slice(0, MOST_INSPECTED)
}
