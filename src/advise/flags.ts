import { BallastError } from '../core/index.ts'
import { type Answers, ENVIRONMENTS, type Environment, PLATFORMS } from './answers.ts'
import { assumeInputs } from './assume.ts'
import type { Question } from './decide.ts'
import { INPUT_NAMES, type InputName, type Inputs, kindOf } from './inputs.ts'
import { given, type Quantity } from './quantity.ts'
import { type Rates, REFERENCE_RATES } from './rates.ts'
import { readUnit } from './units.ts'

/** What was said on the command line: the flag without its dashes, as written. */
export type Flags = Readonly<Record<string, string | true>>

export type Known = Readonly<Partial<Record<InputName, Quantity>>>

/** The flags that are answers instead of figures. */
export const ANSWER_FLAGS = {
  environment: ENVIRONMENTS,
  platform: PLATFORMS,
  coupling: ['loose', 'tight'],
  team: ['same', 'separate'],
} as const

/** What was found without asking: figures, and what else they are worth than the reference. */
export interface Found {
  readonly known: Known
  readonly answers?: Readonly<Partial<Answers>> | undefined
  readonly rates?: Rates | undefined
}

/** What is said of the application as it runs in production and is not so where it is developed. */
const OF_PRODUCTION: ReadonlySet<InputName> = new Set([
  'modelUpdates',
  'codeUpdates',
  'nodes',
  'replicas',
  'coldStarts',
  'linkPerByte',
  'egressPerByte',
  'attention',
])

/**
 * A question for each environment: the one that is named, else all three, in which case flags that speak of nodes,
 * rates and rules are about production. What is given goes before what was found, and that before what is assumed.
 * Throws USAGE for what makes no sense, each with the reason.
 */
export function questionsOf(
  flags: Flags,
  { known: found, answers: foundAnswers, rates }: Found,
): readonly Question[] {
  const said = readQuantities(flags)
  const environment = readAnswer(flags, 'environment') as Environment | undefined
  refuseContradictions(flags, said)
  return (environment === undefined ? ENVIRONMENTS : [environment]).map((one) => {
    const named = environment !== undefined || one === 'production'
    const nodes = (named ? said.nodes?.high : undefined) ?? 1
    const answers = answersOf(flags, { environment: one, named, nodes, found: foundAnswers })
    const known = {
      ...(one === 'development' ? withoutProduction(found) : found),
      ...(named ? said : one === 'staging' ? staged(said) : withoutProduction(said)),
    }
    const { modelBytes } = known
    if (modelBytes === undefined) {
      throw new BallastError('USAGE', 'nothing says how large the model is', {
        hint: 'name a model of the store or a directory, or give --size 2GB',
      })
    }
    const inputs = assumeInputs({ ...known, modelBytes }, answers)
    refuseImpossible(inputs)
    return { inputs, answers, rates: rates ?? REFERENCE_RATES }
  })
}

function readQuantities(flags: Flags): Known {
  const entries = INPUT_NAMES.flatMap((name) => {
    const { flag, unit } = kindOf(name)
    const text = flag === undefined ? undefined : flags[flag.slice(2)]
    if (flag === undefined || text === undefined) return []
    const { value, range } = readUnit(String(text), unit, flag)
    return [[name, given(value, flag, range)] as const]
  })
  return Object.fromEntries(entries)
}

function withoutProduction(known: Known): Known {
  return Object.fromEntries(
    Object.entries(known).filter(([name]) => !OF_PRODUCTION.has(name as InputName)),
  ) as Known
}

/** Releases reach staging as often as production, on nodes of its own. */
function staged({ nodes: _, replicas: __, coldStarts: ___, ...said }: Known): Known {
  return said
}

function readAnswer(flags: Flags, flag: keyof typeof ANSWER_FLAGS): string | undefined {
  const text = flags[flag]
  if (text === undefined) return undefined
  const choices: readonly string[] = ANSWER_FLAGS[flag]
  if (choices.includes(String(text))) return String(text)
  throw new BallastError('USAGE', `--${flag} ${text}: there is no such choice`, {
    hint: `choose ${choices.join(', ')}`,
  })
}

function answersOf(
  flags: Flags,
  {
    environment,
    named,
    nodes,
    found = {},
  }: {
    readonly environment: Environment
    readonly named: boolean
    readonly nodes: number
    readonly found?: Partial<Answers> | undefined
  },
): Answers {
  const local = environment === 'development' && nodes <= 1
  return {
    platform: 'docker',
    coupling: 'loose',
    team: 'same',
    reload: flags.reload === true,
    ...found,
    ...answerGiven(flags, 'coupling'),
    ...answerGiven(flags, 'team'),
    // What runs where it is developed runs on that machine, whatever it runs on later.
    ...(named && !local ? answerGiven(flags, 'platform') : {}),
    ...(flags.reload === true ? { reload: true } : {}),
    environment,
    local,
    nodeAccess: !(named && flags['no-node-access'] === true),
    offline: named && flags.offline === true,
    immutable: named && flags.immutable === true,
    scaleToZero: named && flags['scale-to-zero'] === true,
  }
}

function answerGiven(flags: Flags, flag: keyof typeof ANSWER_FLAGS): Partial<Answers> {
  const answer = readAnswer(flags, flag)
  return answer === undefined ? {} : { [flag]: answer }
}

function refuseContradictions(flags: Flags, { replicas, nodes }: Known): void {
  const refuse = (what: string, hint: string): never => {
    throw new BallastError('USAGE', what, { hint })
  }
  if (flags.offline === true && flags['scale-to-zero'] === true) {
    refuse(
      '--offline with --scale-to-zero: a container that starts from nothing has to reach something',
      'leave one out',
    )
  }
  if (flags.offline === true && flags.platform === 'serverless') {
    refuse('--offline with --platform serverless: such a platform pulls from a registry', 'leave one out')
  }
  if (flags.immutable === true && flags.reload === true) {
    refuse(
      '--immutable with --reload: what is one artefact takes no new model while it runs',
      'leave one out',
    )
  }
  if (replicas !== undefined && nodes !== undefined && replicas.high < nodes.low) {
    refuse(
      `--replicas ${flags.replicas} on --nodes ${flags.nodes}: fewer containers than nodes that run one`,
      'count only the nodes that run the application',
    )
  }
}

function refuseImpossible({ codeBytes, imageBytes }: Inputs): void {
  if (codeBytes.low <= imageBytes.high) return
  throw new BallastError('USAGE', 'a new version of the code replaces more than the whole image', {
    hint: 'give an --image-size of at least --code-size',
  })
}
