import { BallastError } from '../../core/index.ts'
import type { ViewEntry, ViewPlan, ViewRequest } from './layout.ts'
import { numberedDirectory, numberedEntries, rootNames } from './numbered.ts'
import { TRITON_DIRECTORIES, tritonNumber } from './rules.ts'
import { labelFiles, modelName, namesVersions } from './triton-config.ts'

const CONFIG = 'config.pbtxt'
/** By these Triton tells the backend of a model that has no configuration. */
const DEFAULT_FILES = [
  'model.onnx',
  'model.plan',
  'model.pt',
  'model.xml',
  'model.py',
  'model.dali',
  'model.savedmodel',
  'model.graphdef',
]

/**
 * `<model>/config.pbtxt` and what goes with it, of the current version, and `<model>/<number>/…`. Throws REFUSED, as
 * `numberedEntries` does, and for a configuration that Triton would not accept in a directory of this name.
 */
export async function planTriton(request: ViewRequest): Promise<ViewPlan> {
  const { name, current } = request
  const { reference } = current.marker
  const names = rootNames(current.version)
  const directory = numberedDirectory(current.version, { rule: tritonNumber, reference })
  const config = names.some((entry) => entry.name === CONFIG) ? await request.read(CONFIG) : undefined
  if (config !== undefined) refuseOtherName(config, { name, reference })
  const labels = config === undefined ? [] : labelFiles(config)
  const isBeside = (entry: string): boolean =>
    directory === undefined ? [CONFIG, ...TRITON_DIRECTORIES, ...labels].includes(entry) : entry !== directory
  const beside = names.filter((entry) => isBeside(entry.name))
  const entries = new Map<string, ViewEntry>([
    ...beside.map((entry) => [entry.name, { id: current.id, path: entry.name }] as const),
    ...numberedEntries(request, tritonNumber),
  ])
  return { entries, warnings: warningsOf(request, { config, directory }) }
}

function refuseOtherName(
  config: string,
  { name, reference }: { readonly name: string; readonly reference: string },
): void {
  const said = modelName(config)
  if (said === undefined || said === name) return
  throw new BallastError(
    'REFUSED',
    `the ${CONFIG} of ${reference} calls the model ${said}, and Triton loads it from a directory of that name only`,
    { hint: `nothing was changed; call it so: --as ${said}` },
  )
}

function warningsOf(
  { current: { version, marker } }: ViewRequest,
  { config, directory }: { readonly config: string | undefined; readonly directory: string | undefined },
): readonly string[] {
  if (config !== undefined) {
    return namesVersions(config)
      ? [
          `the ${CONFIG} of ${marker.reference} names versions (version_policy: specific), which are counted by Ballast here`,
        ]
      : []
  }
  const prefix = directory === undefined ? '' : `${directory}/`
  const isKnown = DEFAULT_FILES.some((file) =>
    version.files.some(({ path }) => path === `${prefix}${file}` || path.startsWith(`${prefix}${file}/`)),
  )
  return isKnown
    ? []
    : [
        `${marker.reference} has no ${CONFIG}, and none of the files by which Triton does without: ${DEFAULT_FILES.join(', ')}`,
      ]
}
