import type { Invocation } from './action.ts'
import { VERBS } from './commands/index.ts'
import { type AnyVerb, COMMON_OPTIONS, type CommonOptions, type VerbOption } from './verb.ts'

/**
 * Reads a command line that is plainly right: a verb by its own name, as many operands as it takes, options written
 * out one by one, no value that begins with `-`, operands behind `--` as they are. Undefined for every other line, which
 * `runProgram` then reads, explains or completes; the two agree wherever this one answers.
 */
export function readPlain(args: readonly string[]): Invocation | undefined {
  const name = verbOf(args)
  if (name === undefined) return undefined
  const verb = VERBS[name]
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
  readonly fallback: string | undefined
}

function toOption([flags, , fallback]: VerbOption): PlainOption {
  const names = flags.match(/(?<![\w<[])--?[\w-]+/g) ?? []
  const key = (names.at(-1) ?? '').slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  return { names, key, takesValue: flags.endsWith('>'), fallback }
}

const COMMON = COMMON_OPTIONS.map(toOption)

/** Only common options can stand before the verb. Undefined where none is named. */
export function verbOf(args: readonly string[]): string | undefined {
  const word = readTokens(args, COMMON, { upToWord: true })?.words[0]
  return word !== undefined && Object.hasOwn(VERBS, word) ? word : undefined
}

interface Tokens {
  /** The verb and the operands. */
  readonly words: readonly string[]
  readonly values: ReadonlyMap<PlainOption, string | true>
}

function readTokens(
  args: readonly string[],
  options: readonly PlainOption[],
  { upToWord = false } = {},
): Tokens | undefined {
  const words: string[] = []
  const values = new Map<PlainOption, string | true>()
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
    if (option === undefined) return undefined
    const value = option.takesValue ? rest.next().value : true
    if (value === undefined || (value !== true && value.startsWith('-'))) return undefined
    values.set(option, value)
  }
  return { words, values }
}

/** An operand each, an array for `<name...>`; undefined when there are too few or too many. */
function matchOperands(verb: AnyVerb, words: readonly string[]): readonly unknown[] | undefined {
  const declared = verb.usage.split(' ').slice(1)
  const isVariadic = declared.at(-1)?.endsWith('...>') === true
  const least = declared.filter((operand) => operand.startsWith('<')).length
  if (words.length < least || (!isVariadic && words.length > declared.length)) return undefined
  const single = isVariadic ? declared.slice(0, -1) : declared
  return [...single.map((_, at) => words[at]), ...(isVariadic ? [words.slice(single.length)] : [])]
}

function pick(
  values: ReadonlyMap<PlainOption, string | true>,
  options: readonly PlainOption[],
): Readonly<Record<string, string | true>> {
  return Object.fromEntries(
    options.flatMap((option) => {
      const value = values.get(option)
      return value === undefined ? [] : [[option.key, value]]
    }),
  )
}
