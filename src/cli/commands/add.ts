import { BallastError } from '../../core/index.ts'
import { isDvcFile, parseOperand } from '../../model/index.ts'
import type { PathFilter } from '../../sources/index.ts'
import type { AddResult } from '../../workflows/add.ts'
import type { AddSourceRequest } from '../../workflows/add-source.ts'
import { bandwidthOf } from '../bandwidth.ts'
import { formatBytes, formatCount, formatDigest } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface AddOptions {
  readonly move?: boolean
  readonly follow?: boolean
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly revision?: string
  readonly sha256?: string
  readonly limitRate?: string
  readonly meta?: readonly string[]
  readonly label?: readonly string[]
  readonly metadata?: string
}

export const verb = defineVerb<[string, string[], AddOptions]>({
  usage: 'add <name> <source...>',
  summary: 'put files into the store as a new version of a model',
  details:
    'NAME gives the next number and moves `latest`; NAME:prod moves that tag instead; NAME:9 claims the number 9.\n' +
    'A SOURCE is a file or a directory, whose files keep their paths in it; or one address: https://HOST/FILE,\n' +
    's3://BUCKET/PATH (gs://, az://), or hf://ORG/NAME[@REVISION][/PATH] with the token and cache that the tools of the Hub use. What is at an address is\n' +
    'fetched in parts; run again after an interruption, the command goes on where it was.\n' +
    'MODEL.dvc is what DVC keeps track of by that file, taken from the workspace or the cache. Of a directory that MLflow saved,\n' +
    'what MLflow tells of run, parameters and metrics is attached, and so is what a model card (README.md) and the headers of the\n' +
    'files say of license, author and the like; --meta says it yourself. None of it changes the version.\n' +
    'Bytes that the store has are neither fetched nor stored again.\n' +
    'With --follow, a change is a new version: of files once they have not changed for a second, for development, beside\n' +
    'a `ballast mount NAME:TAG ./models --follow`; of an address when it is looked at, once a minute.',
  options: [
    [
      '--move',
      'remove the sources once they are stored; on the file system of the store they are not copied at all',
    ],
    ['--include <glob...>', 'only files that this matches, as in .gitignore (may be repeated)'],
    ['--exclude <glob...>', 'without files that this matches (may be repeated)'],
    ['--follow', 'add again whenever the files change; stays in the foreground, one line a version'],
    ['--revision <name>', 'of what is at an address: a branch, a tag or a commit'],
    ['--sha256 <digest>', 'of the file at an https address; refused where it is another'],
    [
      '--meta <name=value...>',
      'say of the version: license=mit, author=…, dataset=…, commit=…, run=… (may be repeated)',
    ],
    ['--label <name=value...>', 'the same under a name of your own, label.NAME (may be repeated)'],
    ['--metadata <file>', 'the same from a file of names and values, in YAML or JSON'],
    ['--limit-rate <speed>', 'fetch no faster than this, as 20MB/s'],
  ],
  examples: [
    'ballast add sentiment ./models',
    'ballast add sentiment:prod weights.safetensors vocabulary.json',
    "ballast add sentiment hf://distilbert/distilbert-base-uncased --include '*.safetensors' --include '*.json'",
    'ballast add sentiment https://example.org/models/sentiment.onnx',
    'ballast add sentiment models/sentiment.dvc',
    'ballast add sentiment:dev ./models --follow',
    "ballast add sentiment ./models --exclude '*.tmp' --exclude 'logs/'",
    'ballast add sentiment ./models --meta license=apache-2.0 --meta dataset=imdb --label team=nlp',
  ],
  movesBytes: true,
  async run(session, name, sources, options) {
    checkOptions(options)
    const filter = await filterFrom(options)
    const metadata = await statedMetadata(options)
    const address = addressAmong(sources)
    if (address !== undefined) {
      const request = await requestFor(session, { name, address, filter, options })
      await addFrom(session, { ...request, metadata }, options)
      return
    }
    refuseOfAddresses(options)
    if (options.follow === true) {
      const { followSource } = await import('../../workflows/follow-source.ts')
      await followSource(await session.store(), { name, sources, filter, metadata }, following(session))
      return
    }
    const { add } = await import('../../workflows/add.ts')
    const request = { name, sources, move: options.move, filter, metadata }
    show(session, await add(await session.store(), request, session))
  },
})

async function statedMetadata({ meta, label, metadata }: AddOptions): Promise<AddSourceRequest['metadata']> {
  if (meta === undefined && label === undefined && metadata === undefined) return undefined
  const { readStated } = await import('../../workflows/metadata.ts')
  return readStated({ pairs: meta, labels: label, file: metadata })
}

function checkOptions({ move, follow }: AddOptions): void {
  if (move === true && follow === true) {
    throw new BallastError('USAGE', '--move leaves nothing to follow', { hint: 'leave one of the two out' })
  }
}

/** Throws USAGE for several, or one beside files. */
function addressAmong(sources: readonly string[]): string | undefined {
  const addresses = sources.filter((source) => parseOperand(source).kind === 'source' || isDvcFile(source))
  if (addresses.length > 0 && sources.length > 1) {
    throw new BallastError('USAGE', 'a version comes from one address, or from files and directories', {
      hint: 'name the directory that holds all files, with --include for those that are wanted',
    })
  }
  return addresses[0]
}

function refuseOfAddresses(options: AddOptions): void {
  for (const [option, value] of [
    ['--revision', options.revision],
    ['--sha256', options.sha256],
    ['--limit-rate', options.limitRate],
  ]) {
    if (value === undefined) continue
    throw new BallastError('USAGE', `${option} is for what is at an address`, { hint: 'leave it out' })
  }
}

async function requestFor(
  { io }: Session,
  {
    name,
    address,
    filter,
    options: { move, revision, sha256, limitRate },
  }: {
    readonly name: string
    readonly address: string
    readonly filter: PathFilter | undefined
    readonly options: AddOptions
  },
): Promise<AddSourceRequest> {
  if (move === true) {
    throw new BallastError('USAGE', '--move is for files and directories that are named themselves', {
      hint: 'leave it out',
    })
  }
  if (sha256 !== undefined && !/^https?:\/\/[^#]*$/i.test(address)) {
    throw new BallastError('USAGE', '--sha256 is for one file at an https address', {
      hint: 'leave it out: what the Hub knows of its files is compared anyway',
    })
  }
  const { sourceAccess } = await import('../source-access.ts')
  const bandwidth = await bandwidthOf(limitRate, '--limit-rate')
  return {
    name,
    address: sha256 === undefined ? address : `${address}#sha256=${sha256.replace(/^sha256:/, '')}`,
    access: sourceAccess(io, bandwidth),
    revision,
    filter,
  }
}

async function addFrom(session: Session, request: AddSourceRequest, { follow }: AddOptions): Promise<void> {
  if (follow === true) {
    const { followAddress } = await import('../../workflows/follow-address.ts')
    await followAddress(await session.store(), request, following(session))
    return
  }
  const { addSource } = await import('../../workflows/add-source.ts')
  show(session, await addSource(await session.store(), request, session))
}

/** What goes on tells of each version by a line. */
function following(session: Session) {
  return {
    signal: session.signal,
    onProgress: session.onProgress,
    onVersion: (result: AddResult) => {
      remark(session, result)
      session.printLine({ time: new Date().toISOString(), ...result }, describe(result))
    },
    onTrouble: session.noteTrouble,
  }
}

function show(session: Session, result: AddResult): void {
  remark(session, result)
  session.print(result, () => `${describe(result)}\n`)
}

function remark(session: Session, { warnings }: AddResult): void {
  for (const warning of warnings) session.note(`warning: ${warning}`)
}

/** What is wanted of the sources; undefined where nothing was said of it. */
async function filterFrom({ include, exclude }: AddOptions): Promise<PathFilter | undefined> {
  if (include === undefined && exclude === undefined) return undefined
  const { pathFilter } = await import('../../sources/index.ts')
  return pathFilter({ include, exclude })
}

function describe({ ref, digest, files, bytes, newBytes, isNew, tag }: AddResult): string {
  return (
    `${ref}   ${formatDigest(digest)}   ${formatCount(files, 'file')}, ` +
    `${formatBytes(bytes)}, ${formatBytes(newBytes)} new${isNew ? '' : ' (this version was there already)'}` +
    `${tag === undefined ? '' : `\n${tag} -> ${ref}`}`
  )
}
