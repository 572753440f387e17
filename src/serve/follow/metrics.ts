import { formatMetric, type MetricFamily } from '../../http/index.ts'
import { numberOfTag, parseReference } from '../../model/index.ts'
import type { TargetStatus } from './target-status.ts'

export interface Measures {
  readonly targets: readonly TargetStatus[]
  readonly disk: DiskMeasure | undefined
  /** In milliseconds since 1970. */
  readonly now: number
}

/** In bytes. */
export interface DiskMeasure {
  readonly used: number
  readonly budget: number | undefined
}

/** What is measured, in Prometheus' text format 0.0.4. */
export function formatMetrics({ targets, disk, now }: Measures): string {
  const families = TARGET_FAMILIES.map(({ value, ...family }) =>
    formatMetric(
      family,
      targets.flatMap((target) => {
        const found = value(target, now)
        const labels = { ref: target.ref, target: target.to }
        return found === undefined ? [] : [{ labels, value: found }]
      }),
    ),
  )
  return [...families, ...(disk === undefined ? [] : formatDisk(disk))].join('')
}

interface Family extends MetricFamily {
  /** Undefined where there is nothing to tell yet. */
  readonly value: (target: TargetStatus, now: number) => number | undefined
}

const TARGET_FAMILIES: readonly Family[] = [
  {
    name: 'ballast_target_version',
    type: 'gauge',
    help: 'Number of the version that is delivered; 0 for one without a number.',
    value: ({ version }) => (version === undefined ? undefined : (numberOfTag(tagOf(version)) ?? 0)),
  },
  {
    name: 'ballast_target_delivered',
    type: 'gauge',
    help: '1 once a version is there, whole.',
    value: ({ is }) => (is === 'waiting' ? 0 : 1),
  },
  {
    name: 'ballast_target_stale',
    type: 'gauge',
    help: '1 while what is there could not be brought up to its reference.',
    value: ({ is }) => (is === 'stale' ? 1 : 0),
  },
  {
    name: 'ballast_target_last_success_age_seconds',
    type: 'gauge',
    help: 'Since it was last found to be what its reference means.',
    value: ({ lastSuccess }, now) =>
      lastSuccess === undefined ? undefined : Math.max(0, (now - Date.parse(lastSuccess)) / 1000),
  },
  {
    name: 'ballast_target_failures_total',
    type: 'counter',
    help: 'Looks and deliveries that failed.',
    value: ({ failures }) => failures,
  },
  {
    name: 'ballast_target_swaps_total',
    type: 'counter',
    help: 'Versions that were put in place.',
    value: ({ swaps }) => swaps,
  },
  {
    name: 'ballast_target_copied_bytes_total',
    type: 'counter',
    help: 'Bytes that were copied into the target.',
    value: ({ bytesCopied }) => bytesCopied,
  },
]

function formatDisk({ used, budget }: DiskMeasure): readonly string[] {
  const family = { type: 'gauge', help: 'What store and targets take.' } as const
  const taken = formatMetric({ name: 'ballast_disk_used_bytes', ...family }, [{ value: used }])
  if (budget === undefined) return [taken]
  const bound = { name: 'ballast_disk_budget_bytes', type: 'gauge', help: 'What they may take.' } as const
  return [taken, formatMetric(bound, [{ value: budget }])]
}

function tagOf(version: string): string {
  return parseReference(version).tag ?? ''
}
