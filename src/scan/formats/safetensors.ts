import { inspectSafetensors, Malformed, type RandomAccess } from '../../formats/index.ts'
import { objectOf, parseJson } from '../../model/index.ts'
import { type Context, report } from '../context.ts'
import type { ScanFormat } from '../verdict.ts'
import { judgeTemplate } from './template.ts'
import { judgeTags } from './texts.ts'

const NAME = /\.safetensors$/i
const LENGTH_SIZE = 8
/** The library's own limit. */
const LARGEST_HEADER = 100_000_000

/** safetensors: a header of JSON without names twice, and tensors that fill the rest. Undefined for what is none. */
export async function scanSafetensors(
  context: Context,
  source: RandomAccess,
  head: Buffer,
): Promise<ScanFormat | undefined> {
  if (head.length < LENGTH_SIZE) return undefined
  const named = NAME.test(source.path)
  const length = head.readBigUInt64LE(0)
  if (!named && (head[LENGTH_SIZE] !== 0x7b || length > BigInt(LARGEST_HEADER))) return undefined
  try {
    const facts = await inspectSafetensors(source, head)
    if (facts === undefined) return undefined
    for (const remark of facts.remarks ?? []) report(context, 'hostile', 'malformed', remark)
    const header = Buffer.from(await source.read(LENGTH_SIZE, Number(length))).toString('utf8')
    const twice = repeatedKey(header)
    if (twice !== undefined) report(context, 'hostile', 'malformed', `its header names ${twice} twice`)
    for (const [key, value] of Object.entries(objectOf(parseJson(Buffer.from(header))?.__metadata__))) {
      if (typeof value !== 'string') continue
      judgeTags(context, value)
      if (/template/i.test(key)) judgeTemplate(context, value)
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    report(context, 'hostile', 'malformed', error.message)
  }
  return 'safetensors'
}

/** A key that an object of the JSON has twice; parsers disagree on which counts. */
function repeatedKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/g
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [text] = found
    if (text === '{') open.push(new Set())
    else if (text === '[') open.push(undefined)
    else if (text === '}' || text === ']') open.pop()
    else if (/^\s*:/.test(json.slice(token.lastIndex, token.lastIndex + 64))) {
      const keys = open.at(-1)
      const key = decoded(text)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}

function decoded(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch {
    return text
  }
}
