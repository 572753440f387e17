import { engineChoice } from '../engine-choice.ts'
import { imageAccess } from '../image-access.ts'
import { formatBytes, formatCount, formatDigest } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string, { plainHttp?: string }]>({
  usage: 'capture <operand> <name>',
  summary: 'make a version of a model that is somewhere already: a directory, volume, container or image',
  details:
    'OPERAND is a directory, volume:NAME[:PATH], container:NAME:PATH or image:IMAGE:PATH, where IMAGE is one of the Engine, ' +
    'HOST/NAME:TAG in a registry, oci:DIRECTORY:TAG or archive:FILE. NAME is as `ballast add` takes it.\n' +
    'Nothing is changed where the model is, and no container is started. Of an image whose Dockerfile copies the model, ' +
    'the lines to delete are shown, and the command to go on with.',
  options: [['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)']],
  examples: [
    'ballast capture image:my_ml_app:latest:/app/models sentiment',
    'ballast capture container:api:/app/models sentiment:rescued',
    'ballast capture volume:ml_models sentiment',
  ],
  movesBytes: true,
  async run(session, operand, name, { plainHttp }) {
    const { capture } = await import('../../workflows/capture.ts')
    const result = await capture(
      await session.store(),
      { operand, name },
      {
        signal: session.signal,
        onProgress: session.onProgress,
        access: imageAccess(session.io, plainHttp?.split(',')),
        engine: engineChoice(session.io),
      },
    )
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => {
      const { ref, digest, files, bytes, newBytes, tag } = result
      return (
        `${ref}   ${formatDigest(digest)}   ${formatCount(files, 'file')}, ${formatBytes(bytes)}, ` +
        `${formatBytes(newBytes)} new\n${tag === undefined ? '' : `${tag} -> ${ref}\n`}`
      )
    })
    if (result.next !== undefined) session.note(`to go on: ${result.next}`)
  },
})
