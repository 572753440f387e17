import { BallastError } from '../../core/index.ts'
import { isRemote, type Metadata } from '../../model/index.ts'
import type { ImageAccess } from '../../workflows/image-places.ts'
import { imageAccess } from '../image-access.ts'
import { LOCK_OPTION } from '../lock-option.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import { formatMetadataValues } from '../render/metadata.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface AttachOptions extends RegistryOptions {
  readonly lock?: boolean
  readonly meta?: readonly string[]
  readonly label?: readonly string[]
  readonly metadata?: string
}

export const verb = defineVerb<[string, string | undefined, AttachOptions]>({
  usage: 'attach <ref> [file]',
  summary: 'attach the metrics of an evaluation, or metadata, to a version',
  details:
    'FILE is one JSON object of metrics. The version stays what it is, and earlier metrics stay: `show` has them all, `diff` compares the ' +
    'figures of two versions.\n' +
    '--meta, --label and --metadata say of the version what `add` can say of it; what is said last counts, and NAME= takes it away.',
  options: [
    ['--meta <name=value...>', 'license=mit, author=…, dataset=…, commit=…, run=… (may be repeated)'],
    ['--label <name=value...>', 'under a name of your own, label.NAME (may be repeated)'],
    ['--metadata <file>', 'from a file of names and values, in YAML or JSON'],
    ...REGISTRY_OPTIONS,
    LOCK_OPTION,
  ],
  headings: { '--plain-http': 'Registries and buckets:' },
  examples: [
    'ballast attach sentiment:3 metrics.json',
    'ballast attach registry.example/models/sentiment:3 metrics.json',
    'ballast attach sentiment:3 --meta license=apache-2.0 --label team=nlp',
  ],
  async run(session, ref, file, { meta, label, metadata, lock, ...registry }) {
    const isSaid = meta !== undefined || label !== undefined || metadata !== undefined
    if (file === undefined && !isSaid) {
      throw new BallastError('USAGE', `what should be attached to ${ref}?`, {
        hint: `metrics: ballast attach ${ref} metrics.json; metadata: ballast attach ${ref} --meta license=mit`,
      })
    }
    const { readStated } = await import('../../workflows/metadata.ts')
    const values = isSaid ? await readStated({ pairs: meta, labels: label, file: metadata }) : undefined
    if (isRemote(ref)) {
      const access = { ...imageAccess(session.io, registry), lock }
      const attached = await attachThere(session, { ref, file, values, access })
      session.print(attached, () => `attached to ${attached.ref}\n`)
      return
    }
    const store = await session.store()
    if (file !== undefined) {
      const { attachMetricsFile } = await import('../../workflows/metrics.ts')
      const result = await attachMetricsFile(store, { ref, file })
      if (values === undefined) session.print(result, () => `${file} attached to ${result.ref}\n`)
    }
    if (values === undefined) return
    const { attachStated } = await import('../../workflows/metadata.ts')
    const result = await attachStated(store, { ref, values, by: 'attach' })
    session.print(result, () => `${result.ref}: ${formatMetadataValues(result.metadata)}\n`)
  },
})

interface There {
  readonly ref: string
  readonly file: string | undefined
  readonly values: Metadata['values'] | undefined
  readonly access: ImageAccess
}

async function attachThere(
  { signal }: Session,
  { ref, file, values, access }: There,
): Promise<{ readonly ref: string }> {
  const { attachMetricsAt, attachStatedAt } = await import('../../workflows/attach-remote.ts')
  const { readMetricsFile } = await import('../../workflows/metrics.ts')
  const measured =
    file === undefined
      ? undefined
      : await attachMetricsAt({ ref, access, metrics: await readMetricsFile(file) }, { signal })
  const said = values === undefined ? undefined : await attachStatedAt({ ref, access, values }, { signal })
  return said ?? measured ?? { ref }
}
