import { BallastError } from '../../core/index.ts'
import type { PathFilter } from '../../sources/index.ts'
import type { AddResult } from '../../workflows/add.ts'
import { formatBytes, formatCount, formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface AddOptions {
  readonly move?: boolean
  readonly follow?: boolean
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
}

export const verb = defineVerb<[string, string[], AddOptions]>({
  usage: 'add <name> <source...>',
  summary: 'put files into the store as a new version of a model',
  details:
    'NAME gives the next number and moves `latest`; NAME:prod moves that tag instead; NAME:9 claims the number 9.\n' +
    'A SOURCE is a file or a directory, whose files keep their paths in it. Bytes that the store has are not stored again.\n' +
    'With --follow, for development: a change of the files is a new version once they have not changed for a second;\n' +
    'a `ballast mount NAME:TAG ./models --follow` beside it brings them to running containers.',
  options: [
    [
      '--move',
      'remove the sources once they are stored; on the file system of the store they are not copied at all',
    ],
    ['--include <glob...>', 'only files that this matches, as in .gitignore (may be repeated)'],
    ['--exclude <glob...>', 'without files that this matches (may be repeated)'],
    ['--follow', 'add again whenever the files change; stays in the foreground, one line a version'],
  ],
  examples: [
    'ballast add sentiment ./models',
    'ballast add sentiment:prod weights.safetensors vocabulary.json',
    'ballast add sentiment:dev ./models --follow',
    "ballast add sentiment ./models --exclude '*.tmp' --exclude 'logs/'",
  ],
  movesBytes: true,
  async run(session, name, sources, options) {
    checkOptions(options)
    const filter = await filterFrom(options)
    const remarks = ({ warnings }: AddResult): void => {
      for (const warning of warnings) session.note(`warning: ${warning}`)
    }
    if (options.follow === true) {
      const { followSource } = await import('../../workflows/follow-source.ts')
      const store = await session.store()
      await followSource(
        store,
        { name, sources, filter },
        {
          signal: session.signal,
          onProgress: session.onProgress,
          onVersion: (result) => {
            remarks(result)
            session.printLine({ time: new Date().toISOString(), ...result }, describe(result))
          },
          onTrouble: (error) =>
            session.note(`ballast: ${error.message}${error.hint ? `\n  ${error.hint}` : ''}`),
        },
      )
      return
    }
    const { add } = await import('../../workflows/add.ts')
    const result = await add(await session.store(), { name, sources, move: options.move, filter }, session)
    remarks(result)
    session.print(result, () => `${describe(result)}\n`)
  },
})

function checkOptions({ move, follow }: AddOptions): void {
  if (move === true && follow === true) {
    throw new BallastError('USAGE', '--move leaves nothing to follow', { hint: 'leave one of the two out' })
  }
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
