import { encodeMetrics, MODEL_METRICS } from '../model/index.ts'
import type { TrackedModel } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import type { StoredVersion } from './add.ts'
import { attach } from './attachments.ts'
import { attachLineage } from './lineage.ts'
import { say } from './metadata.ts'

/** Attaches to a version what was told beside its files of its training; undefined stands for files without. */
export async function attachTracked(
  store: Store,
  stored: StoredVersion,
  { tracked, from }: { readonly tracked: readonly (TrackedModel | undefined)[]; readonly from: string },
): Promise<void> {
  const { session, name, version } = stored
  for (const { training, figures, time } of tracked.filter((one) => one !== undefined)) {
    await attachLineage(store, session, { name, version, lineage: { by: 'add', from, training } })
    const { run, commit } = training
    const values = { ...(run !== undefined && { run }), ...(commit !== undefined && { commit }) }
    await say(stored, store, { by: 'MLflow', values })
    if (Object.keys(figures).length === 0) continue
    // By the time of the figures, so that the same files added again attach nothing new.
    const measured = { time: new Date(time).toISOString(), by: training.tool, beside: [], metrics: figures }
    await attach(store, session, {
      name,
      subject: version.digest,
      type: MODEL_METRICS,
      data: encodeMetrics(measured),
    })
  }
}
