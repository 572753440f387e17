import { type RandomAccess, TORCH_LEGACY } from '../../formats/index.ts'
import { type Context, report } from '../context.ts'
import { slice } from '../sources.ts'
import type { ScanFormat } from '../verdict.ts'
import { walkPickle } from './machine.ts'
import type { Nested } from './notes.ts'
import type { Walk } from './walk.ts'

const FEWEST_OPCODES = 4
const MOST_SHORT = 64
/** Its number, its version, the system's sizes, the model, the keys of the storages; then those as they are. */
const TORCH_LEGACY_PICKLES = 5

export interface PickleOptions {
  /** It is loaded as a pickle, whatever it looks like. */
  readonly isExpected?: boolean | undefined
  /** Where it begins. */
  readonly start?: number
}

/** Pickles one after another, and what is in them. The format, or undefined where it is none. */
export async function scanPickle(
  context: Context,
  source: RandomAccess,
  { isExpected = false, start = 0 }: PickleOptions = {},
): Promise<ScanFormat | undefined> {
  const first = await walkPickle(source, start, context)
  const isPickle = isExpected || isPlausible(first, source) || (await callsBehind(context, source, first))
  if (!isPickle) return undefined
  const isLegacy = start === 0 && TORCH_LEGACY.equals(await source.read(0, TORCH_LEGACY.length))
  const modules = new Set<string>()
  const nested: Nested[] = []
  let walked = first
  for (let count = 1; ; count++) {
    for (const { verdict, rule, what, at } of walked.findings) report(context, verdict, rule, what, at)
    for (const module of walked.modules) modules.add(module)
    nested.push(...walked.nested)
    if (walked.ended === 'malformed') {
      report(context, 'hostile', 'malformed', `it is no whole pickle: ${walked.why}`, walked.end)
      break
    }
    if (walked.ended === 'too large') {
      report(context, 'unreadable', 'too-large', `${walked.why}`, walked.end)
      break
    }
    if (walked.end >= source.size || (isLegacy && count === TORCH_LEGACY_PICKLES)) break
    if (--context.budget.parts < 0) {
      report(context, 'unreadable', 'too-large', 'it has too many parts to look at all')
      break
    }
    const begin = walked.end
    walked = await walkPickle(source, begin, context)
    if (!isPlausible(walked, source, begin)) {
      report(context, 'hostile', 'trailing', 'behind the end of its pickle there is something else', begin)
      break
    }
  }
  report(context, 'executable', 'pickle', 'it is a pickle: loading it runs what it names')
  for (const item of nested) await scanNested(context, source, item)
  return flavourOf(modules, isLegacy)
}

/** Whether behind short ones, that anything may begin with, there is one that calls something. */
async function callsBehind(context: Context, source: RandomAccess, first: Walk): Promise<boolean> {
  let walked = first
  for (let count = 0; count < MOST_SHORT && walked.ended === 'stop' && walked.end < source.size; count++) {
    walked = await walkPickle(source, walked.end, context)
    if (walked.imports > 0 && walked.calls > 0) return true
  }
  return false
}

/** Whether somebody wrote it to be a pickle, or it does something before it turns out to be none. */
function isPlausible(walk: Walk, source: RandomAccess, start = 0): boolean {
  if (walk.imports > 0 && (walk.calls > 0 || walk.hasHeader || walk.ended === 'stop')) return true
  if (walk.ended !== 'stop') return walk.ended === 'too large' && walk.hasHeader
  if (walk.hasHeader) return true
  return walk.opcodes >= FEWEST_OPCODES && (walk.end === source.size || start > 0)
}

async function scanNested(
  context: Context,
  source: RandomAccess,
  { at, length, mustBeKnown }: Nested,
): Promise<void> {
  const inner = slice(source, at, length)
  await context.scanInner(context, `bytes at ${at}`, inner, mustBeKnown ? { mustBeKnown } : { isRaw: true })
}

function flavourOf(modules: ReadonlySet<string>, isLegacy: boolean): ScanFormat {
  if (isLegacy) return 'torch-legacy'
  return [...modules].some((module) => module.startsWith('joblib.numpy_pickle')) ? 'joblib' : 'pickle'
}
