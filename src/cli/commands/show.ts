import { isRemote } from '../../model/index.ts'
import type { Trusted } from '../../trust/index.ts'
import type { ShownRemote } from '../../workflows/remote-show.ts'
import { imageAccess } from '../image-access.ts'
import { REGISTRY_OPTIONS } from '../registry-options.ts'
import { formatSummary, formatsOfFiles, formatWarnings } from '../render/description.ts'
import { formatChildren, formatLineage, formatMetrics } from '../render/lineage.ts'
import { formatMetadata } from '../render/metadata.ts'
import { formatSignatures } from '../render/signatures.ts'
import { formatAge, formatBytes, formatCount, formatDigest, formatTable } from '../render/text.ts'
import { formatUses } from '../render/uses.ts'
import { namesSigners, TRUST_OPTIONS, type TrustOptions } from '../trust-options.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string, TrustOptions]>({
  usage: 'show <ref>',
  summary: 'show one version: what it is, its files, tags and where it came from',
  details:
    'Of a version in a registry or a bucket it shows what the manifest there says; nothing is fetched. Who has signed it is verified ' +
    'where a key or an identity is named.',
  options: [...TRUST_OPTIONS, ...REGISTRY_OPTIONS],
  headings: { '--key': 'Whose signatures are trusted:', '--plain-http': 'Registries:' },
  examples: [
    'ballast show sentiment:prod',
    'ballast show sentiment:3 --json',
    'ballast show localhost:5000/sentiment:prod --key cosign.pub',
  ],
  async run(session, ref, options) {
    const trusted = await trustedIn(options)
    if (isRemote(ref)) {
      const { showRemote } = await import('../../workflows/remote-show.ts')
      const shown = await showRemote(ref, imageAccess(session.io, options), {
        signal: session.signal,
        trusted,
      })
      session.print(shown, () => describeRemote(shown))
      return
    }
    const { show } = await import('../../workflows/show.ts')
    const shown = await show(await session.store(), ref, { trusted })
    session.print(shown, () => {
      const formatOf = formatsOfFiles(shown.description)
      const own = formatOf === undefined ? [] : ['FORMAT']
      return (
        `${shown.model}:${shown.number}   ${shown.digest}\n` +
        `tags: ${shown.tags.join(', ') || 'none'}\n` +
        `added: ${formatAge(shown.added)} (${shown.added}) from ${shown.from}\n` +
        `${formatLineage(shown.lineage)}${formatChildren(shown.children)}${formatMetrics(shown.metrics)}` +
        `${formatMetadata(shown.metadata)}${formatSignatures(shown.signatures)}${formatUses(shown.usedBy)}` +
        `${formatSummary(shown.description)}\n` +
        `${formatCount(shown.files.length, 'file')}, ${formatBytes(shown.bytes)}\n` +
        `${formatWarnings(shown.description)}\n` +
        formatTable(
          ['FILE', 'SIZE', 'DIGEST', ...own],
          shown.files.map(({ path, size, digest }) => [
            path,
            formatBytes(size),
            formatDigest(digest),
            ...(formatOf === undefined ? [] : [formatOf(path)]),
          ]),
          [1],
        )
      )
    })
  },
})

/** Loaded only where somebody is named. */
async function trustedIn(options: TrustOptions): Promise<Trusted | undefined> {
  return namesSigners(options) ? (await import('../verify-version.ts')).trustedBy(options) : undefined
}

function describeRemote({
  ref,
  number,
  digest,
  tags,
  kind,
  contents,
  bytes,
  attached,
  signatures,
}: ShownRemote): string {
  const numbered = number === undefined ? 'no number' : `number ${number}`
  const documents = attached.length === 0 ? '' : `attached: ${attached.join(', ')}\n`
  return (
    `${ref}   ${digest}\n` +
    `${kind}, ${numbered}, tags: ${tags.join(', ') || 'none'}\n` +
    `${documents}${formatSignatures(signatures)}${formatCount(contents.length, 'file')}, ${formatBytes(bytes)}\n\n` +
    formatTable(
      ['FILE', 'SIZE', 'DIGEST'],
      contents.map(({ path, size, digest }) => [
        path ?? 'an archive of several',
        formatBytes(size),
        formatDigest(digest),
      ]),
      [1],
    )
  )
}
