import { BallastError } from '../core/index.ts'
import { RUN_OPTIONS_WITH_VALUE, RUN_SHORT_OPTIONS, RUN_SWITCHES } from './run-options.ts'

/** The arguments of `docker run`, as far as they can be told apart. */
export interface RunArguments {
  readonly image: string
  /** Where the image stands among them. */
  readonly imageAt: number
  /** Where one more option can be put in, behind all others. */
  readonly optionsEnd: number
  /** By their long names, in order; a switch has `true` or what is written behind `=`. */
  readonly options: readonly RunOption[]
}

export interface RunOption {
  readonly name: string
  readonly value: string
}

/**
 * Reads the arguments as docker does: options up to the first word that is neither an option nor the value of one,
 * which is the image. An option that is not in the table may have a value or none: with one, it takes `image` to be
 * named, which is then looked for. Throws USAGE.
 */
export function readRunArguments(
  args: readonly string[],
  { image }: { readonly image?: string | undefined } = {},
): RunArguments {
  const options: RunOption[] = []
  let at = 0
  while (at < args.length) {
    const arg = args[at] ?? ''
    if (arg === '--') return found(args, { at: at + 1, optionsEnd: at, options, image })
    if (!arg.startsWith('-') || arg === '-') return found(args, { at, options, image })
    const read = arg.startsWith('--') ? readLong(arg, args[at + 1]) : readShort(arg, args[at + 1])
    if (read === undefined) {
      if (image === undefined) throw unknownOption(arg)
      return found(args, { at: args.indexOf(image, at + 1), options, image })
    }
    options.push(...read.options)
    at += read.taken
  }
  throw noImage()
}

interface Read {
  readonly options: readonly RunOption[]
  /** How many arguments. */
  readonly taken: number
}

function readLong(arg: string, next: string | undefined): Read | undefined {
  const [, name = '', written] = /^--([^=]*)(?:=(.*))?$/s.exec(arg) ?? []
  if (RUN_SWITCHES.includes(name)) return { options: [{ name, value: written ?? 'true' }], taken: 1 }
  if (!RUN_OPTIONS_WITH_VALUE.includes(name)) return undefined
  if (written !== undefined) return { options: [{ name, value: written }], taken: 1 }
  return { options: [{ name, value: valueBehind(arg, next) }], taken: 2 }
}

/** `-it`, `-p 8000:8000`, `-p8000:8000`, `-itp=8000:8000`. */
function readShort(arg: string, next: string | undefined): Read | undefined {
  const options: RunOption[] = []
  for (let at = 1; at < arg.length; at++) {
    const name = RUN_SHORT_OPTIONS[arg[at] ?? '']
    if (name === undefined) return undefined
    const rest = arg.slice(at + 1)
    if (RUN_SWITCHES.includes(name)) {
      const value = rest.startsWith('=') ? rest.slice(1) : 'true'
      options.push({ name, value })
      if (rest.startsWith('=')) break
    } else if (rest !== '') {
      options.push({ name, value: rest.replace(/^=/, '') })
      break
    } else {
      return { options: [...options, { name, value: valueBehind(arg, next) }], taken: 2 }
    }
  }
  return { options, taken: 1 }
}

function valueBehind(arg: string, next: string | undefined): string {
  if (next !== undefined) return next
  throw new BallastError('USAGE', `docker run: a value is missing behind ${arg}`, {
    hint: 'options stand before the image, their values behind them',
  })
}

interface Found {
  readonly at: number
  readonly optionsEnd?: number
  readonly options: readonly RunOption[]
  readonly image: string | undefined
}

function found(args: readonly string[], { at, optionsEnd = at, options, image: named }: Found): RunArguments {
  const image = args[at]
  if (named !== undefined && image !== named) {
    throw new BallastError('USAGE', `--image ${named} does not stand among the arguments of docker run`, {
      hint: `write the same in both places: ballast run --model REF --image ${named} -- … ${named}`,
    })
  }
  if (image === undefined || image === '') throw noImage()
  return { image, imageAt: at, optionsEnd, options }
}

function unknownOption(arg: string): BallastError {
  return new BallastError(
    'USAGE',
    `docker run ${arg}: this option is not known here, so neither is the image`,
    {
      hint: 'check its spelling (docker run --help), or name the image as well: ballast run --model REF --image IMAGE -- …',
    },
  )
}

function noImage(): BallastError {
  return new BallastError('USAGE', 'no image stands among the arguments of docker run', {
    hint: 'write them as docker run has them: ballast run --model sentiment:prod=/app/models -- -p 8000:8000 my_ml_app:latest',
  })
}

/** What the options mount into the container, where. Anonymous volumes included; what `--volumes-from` brings stands in no option. */
export function mountsOf(options: readonly RunOption[]): readonly RunMount[] {
  return options.flatMap(({ name, value }): RunMount[] => {
    const target =
      name === 'volume'
        ? targetOfVolume(value)
        : name === 'tmpfs'
          ? value.split(':')[0]
          : name === 'mount'
            ? targetOfMount(value)
            : undefined
    return target?.startsWith('/') ? [{ written: `--${name} ${value}`, target: plain(target) }] : []
  })
}

export interface RunMount {
  /** As an option: `--volume ./models:/app/models`. */
  readonly written: string
  /** Without a slash at its end. */
  readonly target: string
}

/** `TARGET`, `SOURCE:TARGET` or `SOURCE:TARGET:MODE`. */
function targetOfVolume(value: string): string | undefined {
  const parts = value.split(':')
  return parts.length === 1 ? parts[0] : parts[1]
}

function targetOfMount(value: string): string | undefined {
  const fields = value.split(',').map((field) => field.split('='))
  return fields.find(([key = '']) => ['target', 'destination', 'dst'].includes(key.trim().toLowerCase()))?.[1]
}

function plain(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}
