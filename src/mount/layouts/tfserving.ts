import type { ViewPlan, ViewRequest } from './layout.ts'
import { numberedDirectory, numberedEntries } from './numbered.ts'
import { servingNumber } from './rules.ts'

const SAVED_MODEL = /^saved_model\.(?:pb|pbtxt|cpb)$/
/** Of OpenVINO Model Server, which reads the same layout. */
const OTHER_MODELS = /\.(?:xml|onnx|tflite|pdmodel)$/

/** `<model>/<number>/…`. Throws REFUSED, as `numberedEntries` does. */
export async function planServing(request: ViewRequest): Promise<ViewPlan> {
  const { version, marker } = request.current
  const directory = numberedDirectory(version, { rule: servingNumber, reference: marker.reference })
  const prefix = directory === undefined ? '' : `${directory}/`
  const names = version.files.flatMap(({ path }) =>
    path.startsWith(prefix) ? [path.slice(prefix.length)] : [],
  )
  const isKnown = names.some((name) => SAVED_MODEL.test(name) || OTHER_MODELS.test(name))
  const warnings = isKnown
    ? []
    : [`${marker.reference} has no saved_model.pb at its root, which TensorFlow Serving looks for`]
  return { entries: numberedEntries(request, servingNumber), warnings }
}
