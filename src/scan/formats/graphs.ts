import {
  createCursor,
  eachField,
  inspectOnnx,
  LENGTH_DELIMITED,
  Malformed,
  type RandomAccess,
  TooLarge,
} from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { escapes } from '../escapes.ts'
import { chunksOf } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'
import { judgeKerasText } from './keras.ts'

const LIMITS = { bytes: 512 * 1024 * 1024, reads: 2_000_000 }
const MOST_FIELDS = 20_000_000
const DEEPEST = 200
const LARGEST_TEXT = 64 * 1024 * 1024
const LONGEST_TEXT = 4096

/** Operations of TensorFlow that read or write files, call Python, or call other machines, when the graph runs. */
export const OPERATIONS: ReadonlySet<string> = new Set(
  `ReadFile WriteFile MatchingFiles PyFunc PyFuncStateless EagerPyFunc ImmutableConst PrintV2 LookupTableExport
  WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2 TFRecordReader TFRecordReaderV2 FixedLengthRecordReader
  FixedLengthRecordReaderV2 LMDBReader LMDBDataset TextLineDataset TextLineDatasetV2 TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset
  FixedLengthRecordDatasetV2 SqlDataset CSVDataset CSVDatasetV2 SaveDataset SaveDatasetV2 LoadDataset DatasetFromGraph
  CreateSummaryFileWriter CreateSummaryDbWriter DebugIdentity DebugIdentityV2 DebugIdentityV3 RpcCall TryRpc RegisterDataset
  DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RemoteCall RemoteFusedGraphExecute
  GcsConfigureCredentials BigQueryReader CollectiveGather DistributedSave SnapshotDataset SnapshotDatasetV2 IO>ReadFile IO>WriteFile`.split(
    /\s+/,
  ),
)

const KNOWN_DOMAINS =
  /^(?:|ai\.onnx(?:\.(?:ml|training|preview\.training|preview))?|com\.microsoft(?:\.\w+)?|com\.ms\.internal\.nhwc|pkg\.[\w.]+|org\.pytorch(?:\.\w+)*|ai\.onnx\.internal(?:\.\w+)*)$/

/** ONNX: files beside it that are elsewhere, and operators that need a library of their own. */
export async function scanOnnx(context: Context, source: RandomAccess): Promise<ScanFormat | undefined> {
  const facts = await inspectOnnx(source)
  if (facts === undefined) return undefined
  for (const remark of facts.remarks ?? []) report(context, 'unreadable', 'unread', remark)
  for (const path of facts.externalData ?? []) {
    if (escapes(path))
      report(context, 'hostile', 'escape', `its weights are to be read from elsewhere: ${path}`)
  }
  const domains = new Set<string>()
  await walk(source, { 7: onnxGraph(context), 8: { 1: (text) => domains.add(text) } })
  for (const domain of domains) {
    if (!KNOWN_DOMAINS.test(domain))
      report(context, 'executable', 'operators', `it needs operators of ${domain}`)
  }
  return 'onnx'
}

/** Where in the files beside it the tensors of a graph lie, in all of its branches. */
function onnxGraph(context: Context): Shape {
  let key = ''
  const place: Shape = {
    1: (text) => {
      key = text
    },
    2: (value) => {
      if (key === 'location' && (escapes(value) || /^[a-z][\w+.-]*:/i.test(value))) {
        report(context, 'hostile', 'escape', `its weights are to be read from elsewhere: ${value}`)
      }
      if ((key === 'offset' || key === 'length') && !/^\d{1,15}$/.test(value)) {
        report(
          context,
          'hostile',
          'malformed',
          `its weights are to be read from where nothing can be: ${key} ${value}`,
        )
      }
    },
  }
  const tensor: Shape = { 13: place }
  const sparse: Shape = { 1: tensor, 2: tensor }
  const graph: { [field: number]: Shape } = {}
  const attribute: Shape = { 5: tensor, 6: graph, 10: tensor, 11: graph, 22: sparse, 23: sparse }
  graph[1] = { 5: attribute }
  graph[5] = tensor
  graph[15] = sparse
  return graph
}

/** Graphs of TensorFlow: a SavedModel, one of its parts, or a frozen graph. */
export async function scanTensorflow(
  context: Context,
  source: RandomAccess,
): Promise<ScanFormat | undefined> {
  if (!/\.(?:pb|meta)$/i.test(source.path)) return undefined
  const found = new Set<string>()
  let nodes = 0
  const node: Shape = {
    2: (operation) => {
      nodes++
      if (OPERATIONS.has(operation)) found.add(operation)
    },
  }
  const graph: Shape = { 1: node, 2: { 1: { 3: node } } }
  const part: Shape = {
    2: graph,
    6: {
      2: (asset) => {
        if (escapes(asset)) report(context, 'hostile', 'escape', `it reads a file of elsewhere: ${asset}`)
      },
    },
  }
  let read = false
  for (const shape of [{ 2: part }, part, graph] as const) {
    read = (await walk(source, shape)) || read
  }
  for (const operation of found)
    report(context, 'hostile', 'operation', `its graph has the operation ${operation}`)
  // What Keras keeps beside a SavedModel.
  for await (const chunk of chunksOf(source, 0, source.size, LARGEST_TEXT)) {
    judgeKerasText(context, Buffer.from(chunk).toString('latin1'))
  }
  const isSavedModel = /(?:^|\/)saved_model\.pb$/i.test(source.path)
  if (!read && isSavedModel) report(context, 'hostile', 'malformed', 'it is no whole SavedModel')
  return isSavedModel ? 'tensorflow-saved-model' : nodes > 0 ? 'tensorflow-graph' : undefined
}

/** Fields by number: what is in them, or what to do with their text. */
interface Shape {
  readonly [field: number]: Shape | ((text: string) => void)
}

/** False for what is no such message to its end. */
async function walk(source: RandomAccess, shape: Shape): Promise<boolean> {
  const cursor = createCursor(source, LIMITS)
  const budget = { fields: MOST_FIELDS }
  const visit = async (end: number, inner: Shape, depth: number): Promise<void> => {
    if (depth > DEEPEST) throw new TooLarge('it is nested too deeply')
    await eachField(cursor, { end, budget }, (field) => {
      const child = inner[field.number]
      if (child === undefined || field.wire !== LENGTH_DELIMITED) return undefined
      if (typeof child !== 'function') return visit(field.end, child, depth + 1)
      const length = Math.min(field.end - field.start, LONGEST_TEXT)
      return cursor.need(length).then(() => child(cursor.bytes(length).toString('utf8')))
    })
  }
  try {
    await visit(source.size, shape, 0)
    return true
  } catch (error) {
    if (error instanceof Malformed || error instanceof TooLarge) return false
    throw error
  }
}
