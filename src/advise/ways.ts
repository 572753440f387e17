import type { Answers } from './answers.ts'
import type { Numbers } from './inputs.ts'

export type WayName =
  | 'copy'
  | 'embed-top'
  | 'embed-bottom'
  | 'by-hand'
  | 'download'
  | 'mount-volume'
  | 'mount-plugin'

/** A way to bring a model into containers: what people do without Ballast, and what Ballast does. */
export interface Way {
  readonly name: WayName
  readonly title: string
  readonly strategy: 'embed' | 'mount'
  /** It needs no Ballast. */
  readonly plain: boolean
  /** What has to be run and looked after for it, beyond registry and build pipeline, which every way has. */
  readonly parts: (answers: Answers) => readonly string[]
  /** Why it cannot be taken, in words; undefined where it can. */
  readonly whyNot: (answers: Answers, numbers: Numbers) => string | undefined
}

const IN_STEP = 'releases of model and code that are kept in step'

const embedParts = ({ local }: Answers): readonly string[] => [
  local ? 'ballast, beside docker build' : 'ballast in the pipeline that releases images',
]

/** Where it is developed both lie on one machine: there is no fleet, and code and model are changed together anyway. */
const mountParts =
  (there: readonly string[], developed: readonly string[]) =>
  ({ coupling, local }: Answers): readonly string[] => {
    if (local) return developed
    return coupling === 'tight' ? [...there, IN_STEP] : there
  }

function whyNoMount({ offline, immutable }: Answers): string | undefined {
  if (offline) return 'the nodes reach no store: only images are brought to them'
  if (immutable) return 'what runs has to be one artefact, the model included'
  return undefined
}

function whyNoVolume(answers: Answers): string | undefined {
  if (answers.platform === 'serverless') return 'the platform gives no volume that could be filled beforehand'
  return whyNoMount(answers)
}

export const WAYS: readonly Way[] = [
  {
    name: 'copy',
    title: 'COPY in the Dockerfile',
    strategy: 'embed',
    plain: true,
    parts: () => [],
    whyNot: () => undefined,
  },
  {
    name: 'embed-top',
    title: 'ballast embed',
    strategy: 'embed',
    plain: false,
    parts: embedParts,
    whyNot: () => undefined,
  },
  {
    name: 'embed-bottom',
    title: 'ballast embed --position bottom',
    strategy: 'embed',
    plain: false,
    parts: embedParts,
    whyNot: () => undefined,
  },
  {
    name: 'by-hand',
    title: 'a directory or volume, filled by hand',
    strategy: 'mount',
    plain: true,
    parts: mountParts([], []),
    whyNot: (answers, { nodes }) =>
      whyNoVolume(answers) ??
      (nodes > 1 ? `it would have to be filled alike on each of ${Math.ceil(nodes)} nodes` : undefined),
  },
  {
    name: 'download',
    title: 'download when a container starts',
    strategy: 'mount',
    plain: true,
    parts: mountParts(
      ['the place that models are downloaded from'],
      ['the place that models are downloaded from'],
    ),
    whyNot: whyNoMount,
  },
  {
    name: 'mount-volume',
    title: 'ballast mount, into a directory or volume',
    strategy: 'mount',
    plain: false,
    parts: mountParts(
      ['the store that nodes fetch from', 'ballast mount, on each node or before each container'],
      ['ballast mount --follow'],
    ),
    whyNot: whyNoVolume,
  },
  {
    name: 'mount-plugin',
    title: "ballast's volume plugin",
    strategy: 'mount',
    plain: false,
    parts: mountParts(
      ['the store that nodes fetch from', 'the volume plugin on each node'],
      ['the volume plugin'],
    ),
    whyNot: (answers) => {
      if (answers.platform === 'kubernetes') return 'Kubernetes uses no volume plugins of Docker'
      return (
        whyNoVolume(answers) ?? (answers.nodeAccess ? undefined : 'nothing may be installed on the nodes')
      )
    },
  },
]
