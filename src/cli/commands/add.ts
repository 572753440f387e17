import { BallastError } from '../../core/index.ts'
import type { AddResult } from '../../workflows/add.ts'
import { formatBytes, formatCount, formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

interface AddOptions {
  readonly move?: boolean
  readonly follow?: boolean
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
    ['--follow', 'add again whenever the files change; stays in the foreground, one line a version'],
  ],
  examples: [
    'ballast add sentiment ./models',
    'ballast add sentiment:prod weights.safetensors vocabulary.json',
    'ballast add sentiment:dev ./models --follow',
  ],
  movesBytes: true,
  async run(session, name, sources, options) {
    checkOptions(options)
    const remarks = ({ warnings }: AddResult): void => {
      for (const warning of warnings) session.note(`warning: ${warning}`)
    }
    if (options.follow === true) {
      const { followSource } = await import('../../workflows/follow-source.ts')
      const store = await session.store()
      await followSource(
        store,
        { name, sources },
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
    const result = await add(await session.store(), { name, sources, move: options.move }, session)
    remarks(result)
    session.print(result, () => `${describe(result)}\n`)
  },
})

function checkOptions({ move, follow }: AddOptions): void {
  if (move === true && follow === true) {
    throw new BallastError('USAGE', '--move leaves nothing to follow', { hint: 'leave one of the two out' })
  }
}

function describe({ ref, digest, files, bytes, newBytes, isNew, tag }: AddResult): string {
  return (
    `${ref}   ${formatDigest(digest)}   ${formatCount(files, 'file')}, ` +
    `${formatBytes(bytes)}, ${formatBytes(newBytes)} new${isNew ? '' : ' (this version was there already)'}` +
    `${tag === undefined ? '' : `\n${tag} -> ${ref}`}`
  )
}
