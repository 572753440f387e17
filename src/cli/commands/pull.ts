import { shortDigest } from '../../core/index.ts'
import { imageAccess } from '../image-access.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatBytes, formatCount, formatDuration } from '../render/text.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string | undefined, RegistryOptions]>({
  usage: 'pull <remote> [name]',
  summary:
    'bring a version from a registry or a bucket into the store, with its number and what is attached to it',
  details:
    'NAME[:TAG] is what it is called in the store: by default as at the remote. The number stays what it is there; where the\n' +
    'store has given it to another version already, nothing is fetched and the command says so.',
  options: REGISTRY_OPTIONS,
  examples: [
    'ballast pull localhost:5000/sentiment:prod',
    'ballast pull registry.example/team/sentiment:3 sentiment',
    'ballast pull s3://models/team/sentiment:prod',
    'ballast pull oci:./carry:latest sentiment',
  ],
  movesBytes: true,
  async run(session, remote, name, options) {
    const { pull } = await import('../../workflows/pull.ts')
    const access = imageAccess(session.io, options)
    const result = await pull(await session.store(), { remote, name, access }, session)
    for (const warning of result.warnings) session.note(`warning: ${warning}`)
    session.print(result, () => {
      const { kind, ref, digest, tag, files, bytes, newBytes, attached, ms } = result
      return (
        `${ref}   ${shortDigest(digest)}${tag === undefined ? '' : `   ${tag}`}\n` +
        `${formatCount(files, 'file')}, ${formatBytes(bytes)}; ${formatBytes(newBytes)} fetched in ${formatDuration(ms)}` +
        `${attached === 0 ? '' : `; ${formatCount(attached, 'document')} attached`}` +
        `${kind === 'version' ? '' : `; it was ${kind === 'image' ? 'in an image' : `a ${kind}`}`}\n`
      )
    })
  },
})
