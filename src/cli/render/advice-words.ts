import {
  type EnvironmentAdvice,
  type Event,
  type FlipAdvice,
  INPUT_NAMES,
  type InputName,
  isUncertain,
  kindOf,
  type Reason,
  WAYS,
  type Way,
  type WayAdvice,
  type WayName,
} from '../../advise/index.ts'
import { formatFigure, formatRate, formatTime, isInverse } from './advice-figures.ts'
import { formatBytes } from './text.ts'

type Strategy = Way['strategy']
type Crossing = keyof EnvironmentAdvice['crossings']

/** Short enough for columns and labels of curves. */
export const SHORT: Readonly<Record<WayName, string>> = {
  copy: 'plain COPY',
  'embed-top': 'embed',
  'embed-bottom': 'embed (bottom)',
  'by-hand': 'by hand',
  download: 'download',
  'mount-volume': 'mount',
  'mount-plugin': 'volume plugin',
}

/** In a sentence: "ahead is …". */
const NAMED: Readonly<Record<WayName, string>> = {
  copy: 'a plain COPY',
  'embed-top': 'ballast embed',
  'embed-bottom': 'ballast embed --position bottom',
  'by-hand': 'a directory or volume filled by hand',
  download: 'a download at each start',
  'mount-volume': 'ballast mount',
  'mount-plugin': "ballast's volume plugin",
}

const DO: Readonly<Record<WayName, string>> = {
  copy: 'keep the COPY in your Dockerfile',
  'embed-top': 'embed, with ballast embed',
  'embed-bottom': 'embed, with ballast embed --position bottom',
  'by-hand': 'keep the model in a directory or volume that is filled by hand',
  download: 'keep the download when a container starts',
  'mount-volume': 'mount, with ballast mount into a directory or volume',
  'mount-plugin': "mount, with ballast's volume plugin",
}

/** "It depends on …". */
const ABOUT: Readonly<Record<InputName, string>> = {
  modelBytes: 'how large the model is',
  modelUpdates: 'how often the model is updated',
  changedShare: 'how much of the model an update changes',
  sentShare: 'how much of the embedded model is sent for an update',
  pulledShare: 'how much of the embedded model a node pulls on an update',
  codeUpdates: 'how often the code is updated',
  imageBytes: 'how large the image is without the model',
  codeBytes: 'how much of the image a new version of the code replaces',
  copyRepeats: 'how many builds write the layer of COPY again',
  nodes: 'how many nodes run the application',
  replicas: 'how many containers of it run',
  apps: 'how many applications use the model',
  tenants: 'how many variants of the model are served',
  coldStarts: 'how often nodes start with nothing',
  linkPerByte: "how fast a node's link is",
  uplinkPerByte: 'how fast the link of the machine that publishes is',
  egressPerByte: 'how fast registry or store deliver to all nodes',
  pipeline: 'how long a run of the build pipeline takes',
  start: 'how long the application takes to start',
  attention: 'how much work a redeploy is',
  agreement: 'how much work it is to agree on a release',
  upkeep: 'how much work it is to keep one thing more running',
  machine: 'how long the machines take, against those that were measured',
}

export function nameOf(way: WayName): string {
  return NAMED[way]
}

export function strategyOf(name: WayName): Strategy {
  return WAYS.find((way) => way.name === name)?.strategy ?? 'embed'
}

export function wayOf({ ways }: EnvironmentAdvice, name: WayName): WayAdvice | undefined {
  return ways.find((way) => way.name === name)
}

/** The possible ways, the cheapest first. */
export function possibleWays({ ways }: EnvironmentAdvice): readonly WayAdvice[] {
  return ways
    .filter(({ whyNot }) => whyNot === null)
    .sort((a, b) => a.monthly.seconds.value - b.monthly.seconds.value)
}

export interface VerdictWords {
  readonly headline: string
  /** What qualifies it, a sentence each. */
  readonly more: readonly string[]
}

export function verdictWords({ verdict }: EnvironmentAdvice): VerdictWords {
  const { strategy, way, plain, other, dependsOn, wayDependsOn } = verdict
  const [first, ...others] = dependsOn
  const ways = wayFlipWords(wayDependsOn, strategyOf(way))
  if (strategy === 'depends' && first !== undefined) {
    const now = `With the values taken here: ${doing(way, plain)}.`
    return {
      headline: `depends on ${flipWords(first, strategyOf)}`,
      more: [now, ...alsoWords('It also depends on', others, strategyOf), ...ways],
    }
  }
  const only = other === null ? onlyWords(strategyOf(way)) : ''
  return { headline: `${doing(way, plain)}${only}`, more: ways }
}

function doing(way: WayName, plain: boolean): string {
  return plain ? `${DO[way]}: you do not need Ballast` : DO[way]
}

function onlyWords(strategy: Strategy): string {
  return strategy === 'embed' ? '; nothing can be mounted here' : '; nothing can be embedded here'
}

/** `how often the model is updated: below 3/week embed, above mount`. */
function flipWords({ input, at, below, above }: FlipAdvice, side: (way: WayName) => string): string {
  const [less, more] = isInverse(input) ? [above, below] : [below, above]
  const beyond = isCount(input) ? `from ${Math.floor(at) + 1} on` : 'above'
  return `${ABOUT[input]}: ${upTo(input, at)} ${side(less)}, ${beyond} ${side(more)}`
}

/** There is nothing between one node and two. */
function isCount(input: InputName): boolean {
  return kindOf(input).unit === 'count'
}

function upTo(input: InputName, at: number): string {
  return isCount(input) ? `up to ${Math.floor(at)}` : `below ${formatFigure(input, at)}`
}

function alsoWords(
  begin: string,
  flips: readonly FlipAdvice[],
  side: (way: WayName) => string,
): readonly string[] {
  if (flips.length === 0) return []
  const parts = flips.map(({ input, at, below, above }) => {
    const less = isInverse(input) ? above : below
    return `${ABOUT[input]} (${upTo(input, at)} ${side(less)})`
  })
  return [`${begin} ${parts.join('; ')}.`]
}

/** Whether Ballast is worth it, and which of its ways: a sentence each for the nearest, all others in one. */
function wayFlipWords(flips: readonly FlipAdvice[], strategy: Strategy): readonly string[] {
  const isPlain = (name: WayName): boolean => WAYS.some((way) => way.name === name && way.plain)
  const ofNeed = flips.filter(({ below, above }) => isPlain(below) !== isPlain(above))
  const ofWay = flips.filter((flip) => !ofNeed.includes(flip))
  return [
    ...ledWords('Whether Ballast is worth it for that depends on', ofNeed),
    ...ledWords(`Which way to ${strategy} is the best depends on`, ofWay),
  ]
}

function ledWords(begin: string, [first, ...others]: readonly FlipAdvice[]): readonly string[] {
  if (first === undefined) return []
  return [`${begin} ${flipWords(first, nameOf)}.`, ...alsoWords('And on', others, nameOf)]
}

/** What speaks for the verdict and what against it, the weightiest first. */
export function reasonWords(advice: EnvironmentAdvice, most = 3): readonly string[] {
  const { reasons, other } = advice.verdict
  if (reasons.length === 0 && other !== null) return [`${nameOf(other)} costs the same within a few percent`]
  const only = new Set(reasons.flatMap((reason) => (reason.kind === 'only' ? [reason.why] : [])))
  const figures = reasons
    .filter((reason) => reason.kind !== 'only')
    .slice(0, most)
    .map((reason) => figureWords(reason, advice))
  return [...[...only].slice(0, most), ...figures].slice(0, most)
}

type Figures = Exclude<Reason, { readonly kind: 'only' }>

const SPENT: Readonly<Record<Event, readonly [subject: string, unit: string]>> = {
  'updates of the model': ['new versions of the model', ' of waiting'],
  'work of people': ['work of people for new versions of the model', ''],
  'updates of the code': ['new versions of the code', ' of waiting'],
  'cold starts': ['starts on nodes that have nothing', ' of waiting'],
  upkeep: ['upkeep of what has to run', ''],
}

const SINGLE: Readonly<Partial<Record<Event, 'update' | 'code' | 'cold'>>> = {
  'updates of the model': 'update',
  'updates of the code': 'code',
  'cold starts': 'cold',
}

function figureWords({ kind, what, chosen, other, otherWay }: Figures, advice: EnvironmentAdvice): string {
  const mine = wayOf(advice, advice.verdict.way)
  const theirs = wayOf(advice, otherWay)
  const single = SINGLE[what]
  const each =
    single && mine && theirs
      ? ` (${formatTime(mine[single].seconds.value)} each instead of ${formatTime(theirs[single].seconds.value)})`
      : ''
  const but = kind === 'costs' ? 'but ' : ''
  const [subject, unit] = SPENT[what]
  const amount = chosen > 0 ? `${formatTime(chosen)}${unit} a month` : 'nothing'
  const against = other > 0 ? `${formatTime(other)}${chosen > 0 ? '' : `${unit} a month`}` : 'nothing'
  return `${but}${subject}: ${amount}, with ${NAMED[otherWay]} ${against}${each}`
}

/** From which size, or from how many updates, on which strategy is ahead, all else being as it is. */
export function crossingWords(advice: EnvironmentAdvice, input: Crossing): string {
  const given =
    input === 'modelBytes'
      ? `With ${rateWords(advice.inputs.modelUpdates.value)}`
      : `With a model of ${formatBytes(advice.inputs.modelBytes.value)}`
  const measure = input === 'modelBytes' ? 'whatever its size' : 'however often it is updated'
  const groups = strategiesAlong(advice, input)
  const [first, second] = groups
  if (first === undefined) return ''
  if (second === undefined)
    return `${given}, ${gerund(first.strategy)} is ahead ${measure}${waysWords(advice, input)}.`
  if (groups.length === 2)
    return `${given}, ${gerund(second.strategy)} is ahead from ${formatFigure(input, second.from)}${waysWords(advice, input)}.`
  const parts = groups.map(({ strategy, to }, index) =>
    index === groups.length - 1
      ? `beyond that ${gerund(strategy)}`
      : `up to ${formatFigure(input, to)} ${gerund(strategy)}`,
  )
  return `${given}, ahead is ${parts.join(', ')}${waysWords(advice, input)}.`
}

function rateWords(perMonth: number): string {
  return perMonth > 0 ? `updates of ${formatRate(perMonth)}` : 'no updates of the model'
}

function gerund(strategy: Strategy): string {
  return strategy === 'embed' ? 'embedding' : 'mounting'
}

export function strategiesAlong(
  { crossings }: EnvironmentAdvice,
  input: Crossing,
): readonly { readonly strategy: Strategy; readonly from: number; readonly to: number }[] {
  const groups: { strategy: Strategy; from: number; to: number }[] = []
  for (const { way, from, to } of crossings[input]) {
    const strategy = strategyOf(way)
    const last = groups.at(-1)
    if (last?.strategy === strategy) last.to = to
    else groups.push({ strategy, from, to })
  }
  return groups
}

function waysWords({ crossings }: EnvironmentAdvice, input: Crossing): string {
  const segments = crossings[input]
  if (segments.length < 2) return segments[0] === undefined ? '' : `, with ${NAMED[segments[0].way]}`
  const parts = segments.map(({ way, to }, index) =>
    index === segments.length - 1 ? `then ${NAMED[way]}` : `${NAMED[way]} up to ${formatFigure(input, to)}`,
  )
  return ` (${parts.join(', ')})`
}

/** Every input, those first that change the answer, then those that are nearest to changing it. */
export function byWeight(advice: EnvironmentAdvice): readonly InputName[] {
  const { verdict, sensitivity, inputs } = advice
  const decisive = [...verdict.dependsOn, ...verdict.wayDependsOn].map(({ input }) => input)
  const near = sensitivity
    .flatMap(({ input, at }) => (at === null || at <= 0 ? [] : [{ input, at }]))
    .map(({ input, at }) => ({ input, distance: Math.abs(Math.log(at / inputs[input].value)) }))
    // What is taken for certain comes behind what is not.
    .sort(
      (a, b) => Number(isSure(a.input, advice)) - Number(isSure(b.input, advice)) || a.distance - b.distance,
    )
    .map(({ input }) => input)
  return [...new Set([...decisive, ...near, ...INPUT_NAMES])]
}

function isSure(name: InputName, { inputs }: EnvironmentAdvice): boolean {
  return !isUncertain(inputs[name])
}

/** Where the answer changes with an input, within its range or beyond it; undefined where it does not. */
export function changeWords(
  { verdict, sensitivity }: EnvironmentAdvice,
  name: InputName,
): string | undefined {
  const inside = [...verdict.dependsOn, ...verdict.wayDependsOn].find(({ input }) => input === name)
  if (inside) return `the answer changes ${atWords(name, inside.at)}`
  const at = sensitivity.find(({ input }) => input === name)?.at ?? null
  return at === null ? undefined : `the answer would change ${atWords(name, at)}`
}

function atWords(name: InputName, at: number): string {
  return isCount(name)
    ? `between ${Math.floor(at)} and ${Math.floor(at) + 1}`
    : `at ${formatFigure(name, at)}`
}
