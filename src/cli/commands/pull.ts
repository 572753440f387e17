import { EXIT_CODES, shortDigest } from '../../core/index.ts'
import { parseOperand } from '../../model/index.ts'
import type { PullBundleRequest } from '../../workflows/pull-bundle.ts'
import { imageAccess } from '../image-access.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { lineInBundle } from '../render/moved.ts'
import { formatBytes, formatCount, formatDuration } from '../render/text.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, string | undefined, RegistryOptions]>({
  usage: 'pull <remote> [name]',
  summary:
    'bring a version from a registry or a bucket into the store, with its number and what is attached to it',
  details:
    'NAME[:TAG] is what it is called in the store: by default as at the remote. The number stays what it is there; where the\n' +
    'store has given it to another version already, nothing is fetched and the command says so. Of archive:FILE, as `ballast push`\n' +
    'writes it, all models come with all their versions and tags, of archive:FILE:NAME those of one.',
  options: REGISTRY_OPTIONS,
  examples: [
    'ballast pull localhost:5000/sentiment:prod',
    'ballast pull registry.example/team/sentiment:3 sentiment',
    'ballast pull s3://models/team/sentiment:prod',
    'ballast pull oci:./carry:latest sentiment',
    'ballast pull archive:bundle.tar',
    'ballast pull archive:bundle.tar:sentiment:prod',
  ],
  movesBytes: true,
  async run(session, remote, name, options) {
    if (parseOperand(remote).kind === 'archive') {
      const { isWholeBundle } = await import('../../workflows/pull-bundle.ts')
      if (await isWholeBundle(remote, session)) return pullAll(session, { archive: remote, name })
    }
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

async function pullAll(session: Session, request: PullBundleRequest): Promise<void> {
  const { pullBundle } = await import('../../workflows/pull-bundle.ts')
  const result = await pullBundle(await session.store(), request, session)
  const { archive, versions, refused, warnings, ms } = result
  for (const warning of warnings) session.note(`warning: ${warning}`)
  for (const { error } of refused) session.noteTrouble(error)
  const bytes = versions.reduce((sum, { newBytes }) => sum + newBytes, 0)
  const told = refused.map(({ from, error: { code, message } }) => ({ from, code, message }))
  session.print(
    { ...result, refused: told },
    () =>
      `${versions.map(lineInBundle).join('')}${archive}: ${formatBytes(bytes)} read in ${formatDuration(ms)}\n`,
  )
  const [first] = refused
  if (first !== undefined) session.io.setExitCode(EXIT_CODES[first.error.code])
}
