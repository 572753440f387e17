import { readAll, verified } from '../core/index.ts'
import { attachedBy, decodeMetrics, LARGEST_METRICS, MODEL_METRICS } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import { attachedAt } from './carry-attachments.ts'
import { signaturesAt } from './remote-signatures.ts'
import { readSigned } from './signatures.ts'
import type { StagePlace } from './stage-place.ts'

/** What is attached to versions at a remote, as far as policies ask for it. */
export function documentsAt(repository: ImageRepository): Pick<StagePlace, 'signed' | 'metrics'> {
  return {
    signed: (subject, options) => readSigned(signaturesAt(repository), subject, options),
    async metrics(subject, options = {}) {
      const layers = (await attachedAt(repository, subject, options)).flatMap(
        ({ bytes }) => attachedBy(bytes, MODEL_METRICS) ?? [],
      )
      const found = await Promise.all(
        layers
          .filter(({ size }) => size <= LARGEST_METRICS)
          .map((layer) =>
            readAll(verified(repository.openBlob(layer, options).open(), layer), LARGEST_METRICS),
          ),
      )
      return found.map(decodeMetrics).filter((metrics) => metrics !== undefined)
    },
  }
}
