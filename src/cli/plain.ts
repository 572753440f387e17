import type { Invocation } from './action.ts'
import { loadVerb, VERB_NAMES } from './commands/index.ts'
import { type AnyVerb, COMMON_OPTIONS, type CommonOptions, type VerbOption } from './verb.ts'

/**
 * Reads a command line that is plainly right: a verb by its own name, as many operands as it takes, options written
 * out one by one, no value that begins with `-`, operands behind `--` as they are. Undefined for every other line, which
 * `runProgram` then reads, explains or completes; the two agree wherever this one answers.
 */
export async function readPlain(args: readonly string[]): Promise<Invocation | undefined> {
  const name = verbOf(args)
  if (name === undefined) return undefined
  const verb = await loadVerb(name)
  if (verb === undefined) return undefined
  const own = (verb.options ?? []).map(toOption)
  const read = readTokens(args, [...own, ...COMMON])
  const operands = read && matchOperands(verb, read.words.slice(1))
  if (read === undefined || operands === undefined) return undefined
  const options = {
    ...Object.fromEntries(
      own.flatMap(({ key, fallback }) => (fallback === undefined ? [] : [[key, fallback]])),
    ),
    ...pick(read.values, own),
  }
  return { verb, args: [...operands, options], common: pick(read.values, COMMON) as CommonOptions }
}

interface PlainOption {
  /** As written on a command line: `-q`, `--quiet`. */
  readonly names: readonly string[]
  /** `dryRun` for `--dry-run`. */
  readonly key: string
  readonly takesValue: boolean
  /** Whether the next word is its value is not plain. */
  readonly mayTakeValue: boolean
  /** Given several times, its values are an array. */
  readonly isRepeatable: boolean
  /** `--no-x` takes away what is there without it. */
  readonly isNegated: boolean
  readonly fallback: string | true | undefined
}

function toOption([flags, , fallback]: VerbOption): PlainOption {
  const names = flags.match(/(?<![\w<[])--?[\w-]+/g) ?? []
  const isNegated = names.at(-1)?.startsWith('--no-') === true
  const name = (names.at(-1) ?? '').slice(isNegated ? '--no-'.length : '--'.length)
  return {
    names,
    key: name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
    takesValue: flags.endsWith('>'),
    mayTakeValue: flags.endsWith(']'),
    isRepeatable: flags.endsWith('...>'),
    isNegated,
    fallback: isNegated ? true : fallback,
  }
}

const COMMON = COMMON_OPTIONS.map(toOption)

/** Only common options can stand before the verb. Undefined where none is named. */
export function verbOf(args: readonly string[]): string | undefined {
  const word = readTokens(args, COMMON, { upToWord: true })?.words[0]
  return word !== undefined && VERB_NAMES.includes(word) ? word : undefined
}

interface Tokens {
  /** The verb and the operands. */
  readonly words: readonly string[]
  readonly values: ReadonlyMap<PlainOption, Value>
}

type Value = string | boolean | readonly string[]

function readTokens(
  args: readonly string[],
  options: readonly PlainOption[],
  { upToWord = false } = {},
): Tokens | undefined {
  const words: string[] = []
  const values = new Map<PlainOption, Value>()
  const rest = args[Symbol.iterator]()
  for (const arg of rest) {
    if (arg === '--' && !upToWord) {
      words.push(...rest)
      break
    }
    if (!arg.startsWith('-')) {
      words.push(arg)
      if (upToWord) break
      continue
    }
    const option = options.find(({ names }) => names.includes(arg))
    if (option === undefined || option.mayTakeValue) return undefined
    const value = option.takesValue ? rest.next().value : !option.isNegated
    if (value === undefined || (typeof value === 'string' && value.startsWith('-'))) return undefined
    values.set(
      option,
      option.isRepeatable ? ([values.get(option) ?? [], value as string].flat() as string[]) : value,
    )
  }
  return { words, values }
}

/** An operand each, an array for `<name...>` and `[name...]`; undefined when there are too few or too many. */
function matchOperands(verb: AnyVerb, words: readonly string[]): readonly unknown[] | undefined {
  const declared = verb.usage.split(' ').slice(1)
  const isVariadic = /\.\.\.[>\]]$/.test(declared.at(-1) ?? '')
  const least = declared.filter((operand) => operand.startsWith('<')).length
  if (words.length < least || (!isVariadic && words.length > declared.length)) return undefined
  const single = isVariadic ? declared.slice(0, -1) : declared
  return [...single.map((_, at) => words[at]), ...(isVariadic ? [words.slice(single.length)] : [])]
}

function pick(
  values: ReadonlyMap<PlainOption, Value>,
  options: readonly PlainOption[],
): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    options.flatMap((option) => {
      const value = values.get(option)
      return value === undefined ? [] : [[option.key, value]]
    }),
  )
}
