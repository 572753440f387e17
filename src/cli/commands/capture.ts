import { BallastError } from '../../core/index.ts'
import type { CapturedDirectory } from '../../workflows/capture-directory.ts'
import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { formatBytes, formatCount, formatDigest } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface CaptureVerbOptions {
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly parent?: string
  readonly marker?: string
  readonly follow?: boolean
  readonly quietFor?: string
  readonly wait?: string
  readonly plainHttp?: string
}

export const verb = defineVerb<[string, string, CaptureVerbOptions]>({
  usage: 'capture <operand> <name>',
  summary: 'make a version of files that are somewhere already: a directory, volume, container or image',
  details:
    'OPERAND is a directory, volume:NAME[:PATH], container:NAME:PATH or image:IMAGE:PATH, where IMAGE is one of the Engine, ' +
    'HOST/NAME:TAG in a registry, oci:DIRECTORY:TAG or archive:FILE. NAME is as `ballast add` takes it.\n' +
    'Nothing is changed where the files are, and no container is started. Files that are being written become no version: they ' +
    'are waited for, or refused. Of a directory or volume on this host, files that are as when they were last captured are not ' +
    'read again.\n' +
    'With --marker the newest directory is taken that holds such a file, provided that nothing in it is newer: the file that a ' +
    'job writes last. With --follow each further one becomes a version too, and the job is resumed from the last: ' +
    '`ballast mount NAME DIRECTORY`.\n' +
    'Of an image whose Dockerfile copies the model, the lines to delete are shown, and the command to go on with.',
  options: [
    ['--include <glob...>', 'only files that this matches, as in .gitignore (may be repeated)'],
    ['--exclude <glob...>', 'without files that this matches (may be repeated)'],
    [
      '--marker <glob>',
      "the newest checkpoint, by the file that completes it: 'checkpoint-*/trainer_state.json'",
    ],
    ['--follow', 'go on capturing what is new; stays in the foreground, one line a version'],
    ['--parent <ref>', 'the version that it was made from (default: what is mounted there)'],
    ['--quiet-for <seconds>', 'take files that have not changed for so long (default: 2)'],
    ['--wait <seconds>', 'how long to wait for that, and for files that are open for writing (default: 30)'],
    ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ],
  examples: [
    'ballast capture image:my_ml_app:latest:/app/models sentiment',
    'ballast capture container:api:/app/models sentiment:rescued',
    'ballast capture volume:ml_models sentiment',
    "ballast capture ./run sentiment:ckpt --follow --marker 'checkpoint-*/DONE'",
    "ballast capture ./run/checkpoint-500 sentiment --exclude 'optimizer.pt' --exclude '*.log'",
  ],
  movesBytes: true,
  async run(session, operand, name, { plainHttp, quietFor, wait, follow, ...patterns }) {
    const request = {
      operand,
      name,
      ...patterns,
      quietMs: milliseconds('--quiet-for', quietFor),
      waitMs: milliseconds('--wait', wait),
    }
    const options = {
      signal: session.signal,
      onProgress: session.onProgress,
      access: imageAccess(session.io, { plainHttp }),
      engine: engineChoice(session.io),
    }
    const store = await session.store()
    if (follow === true) {
      const { followCapture } = await import('../../workflows/capture-follow.ts')
      return followCapture(store, request, { ...options, ...tellingOf(session) })
    }
    const { capture } = await import('../../workflows/capture.ts')
    const result = await capture(store, request, options)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => `${describe(result)}\n`)
    if (result.next !== undefined) session.note(`to go on: ${result.next}`)
  },
})

function tellingOf(session: Session): {
  readonly onVersion: (captured: CapturedDirectory) => void
  readonly onTrouble: (error: BallastError) => void
} {
  return {
    onVersion({ state: _, ...result }) {
      for (const warning of result.warnings) session.note(`warning: ${warning}`)
      session.printLine({ time: new Date().toISOString(), ...result }, describe(result))
    },
    onTrouble: session.noteTrouble,
  }
}

type Described = Omit<CapturedDirectory, 'state'>

function describe({ ref, digest, files, bytes, newBytes, tag, checkpoint }: Described): string {
  const whence = checkpoint === undefined || checkpoint === '' ? '' : `   ${checkpoint}`
  return (
    `${ref}   ${formatDigest(digest)}   ${formatCount(files, 'file')}, ${formatBytes(bytes)}, ` +
    `${formatBytes(newBytes)} new${whence}${tag === undefined ? '' : `\n${tag} -> ${ref}`}`
  )
}

function milliseconds(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  throw new BallastError('USAGE', `${option} ${text}: not a number of seconds`, { hint: `as in ${option} 5` })
}
