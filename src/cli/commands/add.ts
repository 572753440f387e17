import { formatBytes, formatCount, formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string[]]>({
  usage: 'add <name> <source...>',
  summary: 'put files into the store as a new version of a model',
  details:
    'NAME gives the next number and moves `latest`; NAME:prod moves that tag instead; NAME:9 claims the number 9.\n' +
    'A SOURCE is a file or a directory, whose files keep their paths in it. Bytes that the store has are not stored again.',
  examples: [
    'ballast add sentiment ./models',
    'ballast add sentiment:prod weights.safetensors vocabulary.json',
  ],
  async run(session, name, sources) {
    const { add } = await import('../../workflows/add.ts')
    const result = await add(await session.store(), { name, sources }, session)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(
      result,
      () =>
        `${result.ref}   ${formatDigest(result.digest)}   ${formatCount(result.files, 'file')}, ` +
        `${formatBytes(result.bytes)}, ${formatBytes(result.newBytes)} new${result.isNew ? '' : ' (this version was there already)'}` +
        `${result.tag === undefined ? '' : `\n${result.tag} -> ${result.ref}`}\n`,
    )
  },
})
