import type { Command, Option } from 'commander'

/** What the word that is typed stands for. */
export type Position =
  | { readonly kind: 'verb' }
  | { readonly kind: 'option'; readonly options: readonly Option[] }
  | { readonly kind: 'value'; readonly option: Option; readonly written: string }
  | {
      readonly kind: 'operand'
      readonly name: string
      readonly choices: readonly string[]
      readonly at: number
    }
  /** Behind the last operand, or an argument of another program. */
  | { readonly kind: 'other' }

export interface Line {
  readonly verb: Command | undefined
  /** The operands before the word. */
  readonly operands: readonly string[]
  /** Of options before the word, the last value of each, by its long name. */
  readonly values: ReadonlyMap<string, string>
  readonly position: Position
  /** What is typed of it so far. */
  readonly typed: string
  /** What stands before that in the same word: `--store=`. */
  readonly before: string
}

/** Reads the words behind `ballast`, of which the last is being typed. Never throws. */
export function readLine(program: Command, words: readonly string[]): Line {
  const last = words.at(-1) ?? ''
  const operands: string[] = []
  const values = new Map<string, string>()
  let verb: Command | undefined
  let isEnded = false
  let waiting: { option: Option; written: string } | undefined

  const options = (): readonly Option[] => (verb ?? program).options
  const find = (name: string): Option | undefined =>
    options().find(({ long, short }) => name === long || name === short)

  for (const word of words.slice(0, -1)) {
    if (waiting !== undefined) {
      values.set(waiting.option.long ?? '', word)
      waiting = undefined
      continue
    }
    if (word === '--' && !isEnded) {
      isEnded = true
      continue
    }
    if (word.startsWith('-') && word !== '-' && !isEnded) {
      const { name, value } = splitOption(word)
      const option = find(name)
      if (option?.required === true && value === undefined) waiting = { option, written: name }
      else if (option !== undefined && value !== undefined) values.set(option.long ?? '', value)
      continue
    }
    if (verb === undefined && !isEnded) {
      if (word === 'help') continue
      verb = program.commands.find((command) => command.name() === word || command.aliases().includes(word))
      if (verb === undefined) return { ...nothing(last), operands, values }
      continue
    }
    operands.push(word)
  }

  const line = { verb, operands, values, typed: last, before: '' }
  if (waiting !== undefined) return { ...line, position: { kind: 'value', ...waiting } }
  if (last.startsWith('-') && !isEnded) {
    const { name, value } = splitOption(last)
    const option = value === undefined ? undefined : find(name)
    if (option === undefined || value === undefined) {
      const command = verb ?? program
      const open = command
        .createHelp()
        .visibleOptions(command)
        .filter(({ long, parseArg }) => parseArg !== undefined || !isGiven(words, long))
      return { ...line, position: { kind: 'option', options: open } }
    }
    return { ...line, typed: value, before: `${name}=`, position: { kind: 'value', option, written: name } }
  }
  if (verb === undefined) return { ...line, position: isEnded ? { kind: 'other' } : { kind: 'verb' } }
  const declared = verb.registeredArguments
  const end = declared.at(-1)
  const argument = declared[operands.length] ?? (end?.variadic === true ? end : undefined)
  if (argument === undefined) return { ...line, position: { kind: 'other' } }
  const choices = argument.argChoices ?? []
  return { ...line, position: { kind: 'operand', name: argument.name(), choices, at: operands.length } }
}

/** Behind a verb that there is none of. */
function nothing(typed: string): Line {
  return {
    verb: undefined,
    operands: [],
    values: new Map(),
    position: { kind: 'other' },
    typed,
    before: '',
  }
}

function splitOption(word: string): { readonly name: string; readonly value?: string } {
  const at = word.indexOf('=')
  if (!word.startsWith('--') || at < 0) return { name: word }
  return { name: word.slice(0, at), value: word.slice(at + 1) }
}

function isGiven(words: readonly string[], long: string | undefined): boolean {
  return words.slice(0, -1).some((word) => word === long || word.startsWith(`${long}=`))
}
