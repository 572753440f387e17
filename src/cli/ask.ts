import { createInterface, type Interface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { ANSWER_FLAGS, type Flags, readUnit, type Unit } from '../advise/index.ts'
import { BallastError, isBallastError } from '../core/index.ts'

interface Question {
  readonly flag: string
  readonly text: string
  /** A figure of this unit, or one of these words. */
  readonly answer: Unit | readonly string[]
  /** What is taken without an answer; undefined where there has to be one. */
  readonly otherwise: string | undefined
}

const SIZE: Question = { flag: 'size', text: 'How large is the model', answer: 'bytes', otherwise: undefined }

const QUESTIONS: readonly Question[] = [
  {
    flag: 'updates',
    text: 'How often is there a new version of it',
    answer: 'perMonth',
    otherwise: 'about weekly',
  },
  { flag: 'code-updates', text: 'And of the code', answer: 'perMonth', otherwise: 'about 2/week' },
  {
    flag: 'nodes',
    text: 'On how many nodes does it run in production',
    answer: 'count',
    otherwise: 'about 2',
  },
  { flag: 'platform', text: 'Under what', answer: ANSWER_FLAGS.platform, otherwise: 'docker' },
  {
    flag: 'coupling',
    text: 'Does a version of the model need its version of the code (tight), or not (loose)',
    answer: ANSWER_FLAGS.coupling,
    otherwise: 'loose',
  },
  {
    flag: 'team',
    text: 'Is the model released by the same team as the code, or by a separate one',
    answer: ANSWER_FLAGS.team,
    otherwise: 'same',
  },
]

export interface AskOptions {
  /** Ask for the size of the model too. */
  readonly size: boolean
  readonly signal: AbortSignal
  readonly input?: NodeJS.ReadableStream
  readonly output?: NodeJS.WritableStream
}

/** Asks on the terminal; anything but a yes is a no. Throws INTERRUPTED when the input ends. */
export function confirm(text: string, options: Omit<AskOptions, 'size'>): Promise<boolean> {
  return onTerminal(options, async ({ terminal, signal }) =>
    /^y(?:es)?$/i.test((await terminal.question(`${text}? [y/N] `, { signal })).trim()),
  )
}

/** Asks on the terminal until there is an answer. Throws INTERRUPTED when the input ends. */
export function askWord(text: string, options: Omit<AskOptions, 'size'>): Promise<string> {
  return onTerminal(options, async ({ terminal, signal }) => {
    for (;;) {
      const said = (await terminal.question(`${text}: `, { signal })).trim()
      if (said !== '') return said
    }
  })
}

/** The same for what nobody is to see: nothing of it is shown. */
export function askSecret(text: string, options: Omit<AskOptions, 'size'>): Promise<string> {
  const { output = process.stderr } = options
  output.write(`${text}: `)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  return onTerminal({ ...options, output: silent, isTerminal: true }, ({ terminal, signal }) =>
    terminal.question('', { signal }),
  ).finally(() => output.write('\n'))
}

/** Asks on the terminal; an empty answer leaves it to what is assumed. Throws INTERRUPTED when the input ends. */
export function askFlags({ size, ...options }: AskOptions): Promise<Flags> {
  return onTerminal(options, async (asking) => {
    const flags: Record<string, string> = {}
    for (const question of size ? [SIZE, ...QUESTIONS] : QUESTIONS) {
      const answer = await ask(question, asking)
      if (answer !== '') flags[question.flag] = answer
    }
    return flags
  })
}

async function onTerminal<T>(
  {
    signal,
    input = process.stdin,
    output = process.stderr,
    isTerminal,
  }: Omit<AskOptions, 'size'> & { readonly isTerminal?: boolean },
  work: (asking: Asking) => Promise<T>,
): Promise<T> {
  const terminal = createInterface({ input, output, ...(isTerminal && { terminal: true }) })
  const ended = new AbortController()
  terminal.on('close', () => ended.abort())
  try {
    return await work({ terminal, output, signal: AbortSignal.any([signal, ended.signal]) })
  } catch (error) {
    if (isBallastError(error) || !(signal.aborted || ended.signal.aborted)) throw error
    throw new BallastError('INTERRUPTED', 'interrupted', { cause: error })
  } finally {
    terminal.close()
  }
}

interface Asking {
  readonly terminal: Interface
  readonly output: NodeJS.WritableStream
  readonly signal: AbortSignal
}

async function ask(
  { text, answer, otherwise, flag }: Question,
  { terminal, output, signal }: Asking,
): Promise<string> {
  const choices = typeof answer === 'string' ? '' : ` (${answer.join(', ')})`
  const fallback = otherwise === undefined ? '' : ` [${otherwise}]`
  for (;;) {
    const said = (await terminal.question(`${text}${choices}?${fallback} `, { signal })).trim()
    if (said === '' && otherwise !== undefined) return said
    const wrong = whatIsWrong(said, answer, flag)
    if (wrong === undefined) return said
    output.write(`  ${wrong}\n`)
  }
}

function whatIsWrong(said: string, answer: Question['answer'], flag: string): string | undefined {
  if (typeof answer !== 'string') {
    return answer.includes(said) ? undefined : `one of ${answer.join(', ')}, please`
  }
  try {
    readUnit(said, answer, `--${flag}`)
    return undefined
  } catch (error) {
    if (isBallastError(error)) return error.hint ?? error.message
    throw error
  }
}
