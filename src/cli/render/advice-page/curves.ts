import type { EnvironmentAdvice, WayName } from '../../../advise/index.ts'
import { formatFigure, formatNumber, formatRate } from '../advice-figures.ts'
import { crossingWords, possibleWays, SHORT, strategiesAlong, strategyOf } from '../advice-words.ts'
import { formatBytes } from '../text.ts'
import { html, type Markup } from './markup.ts'
import { rowsOf, spread, textWidth } from './spread.ts'

type Crossing = keyof EnvironmentAdvice['curves']

const WIDTH = 328
const LEFT = 52
const RIGHT = 108
const HEIGHT = 190
const SIZE = 11.5
const ROW = 15
/** Drawn to either side of today's value, as a factor. */
const AROUND = 100
const HOUR = 3600

/** Ways of a strategy are told apart by their dashes, strategies by their colour, and all by their names. */
const DASHES: Readonly<Record<WayName, string>> = {
  copy: '2 3',
  'embed-top': 'none',
  'embed-bottom': '8 4',
  'by-hand': '2 3',
  download: '8 3 2 3',
  'mount-volume': '8 4',
  'mount-plugin': 'none',
}

const TITLE: Readonly<Record<Crossing, string>> = {
  modelBytes: 'Hours a month by the size of the model',
  modelUpdates: 'Hours a month by how often the model is updated',
}

const MIB = 2 ** 20
const GIB = 2 ** 30
/** Marks on the axis, those first that are to have their names where there is no room for all. */
const MARKS: Readonly<Record<Crossing, readonly number[]>> = {
  modelBytes: [GIB, MIB, 1024 * GIB, 100 * MIB, 10 * GIB, 10 * MIB, 100 * GIB],
  modelUpdates: [1, 30, 720, 1 / 12, 30 / 7],
}

export function curvesDrawn(advice: EnvironmentAdvice): Markup {
  return html`<div class="pair">${(['modelBytes', 'modelUpdates'] as const).map((input) => curveFigure(advice, input))}</div>
<p><small>Both axes are logarithmic. The strip above a drawing has the way that is the cheapest there; the values above it are where it changes, marked on the lines. Thick: the way that is advised.</small></p>`
}

interface Plot {
  readonly x: (value: number) => number
  readonly y: (seconds: number) => number
  readonly low: number
  readonly high: number
  readonly least: number
  readonly most: number
  readonly top: number
  readonly bottom: number
}

function curveFigure(advice: EnvironmentAdvice, input: Crossing): Markup {
  const { low, high } = spanOf(advice, input)
  const crossings = advice.crossings[input].slice(1).filter(({ from }) => from > low && from < high)
  const x = logScale([low, high], [LEFT, WIDTH - RIGHT])
  const labels = rowsOf(
    crossings.map(({ from }) => ({ x: x(from), text: formatFigure(input, from) })),
    { size: SIZE, low: 0, high: WIDTH },
  )
  const rows = Math.max(0, ...labels.map(({ row }) => row + 1))
  const top = rows * ROW + 14
  const bottom = top + HEIGHT
  const lines = linesOf(advice, input).map((line) => ({ ...line, points: clipped(line.points, low, high) }))
  const heights = lines.flatMap(({ points }) => points.map(([, seconds]) => seconds))
  const [least, most] = [Math.min(...heights), Math.max(...heights)]
  const plot: Plot = {
    x,
    y: logScale([least / 1.15, most * 1.15], [bottom, top]),
    low,
    high,
    least,
    most,
    top,
    bottom,
  }
  const now = advice.inputs[input].value
  return html`<figure><strong>${TITLE[input]}</strong>
<svg viewBox="0 0 ${WIDTH} ${bottom + 44}" role="img" aria-label="${TITLE[input]}: ${crossingWords(advice, input)}">
${grid(plot, input)}
${strip(advice, input, plot)}
${labels.map(({ x: at, text, row }) => html`<text x="${at}" y="${(row + 1) * ROW - 4}" text-anchor="middle">${text}</text>`)}
${lines.map(({ name, points }) => curve(name, points, { plot, isBest: name === advice.verdict.way }))}
${crossings.map(({ from, way }) => crossingMark(lines.find(({ name }) => name === way)?.points ?? [], from, plot))}
${today(lines.find(({ name }) => name === advice.verdict.way)?.points ?? [], now, plot)}
${nowLabel(input, now, plot)}
${names(lines, plot)}
</svg>
<figcaption>${crossingWords(advice, input)}</figcaption></figure>`
}

type Point = readonly [value: number, seconds: number]

interface CurveLine {
  readonly name: WayName
  readonly points: readonly Point[]
}

function linesOf(advice: EnvironmentAdvice, input: Crossing): readonly CurveLine[] {
  const { at, seconds } = advice.curves[input]
  return possibleWays(advice).flatMap(({ name }) => {
    const values = seconds[name]
    if (values === undefined) return []
    return [{ name, points: at.map((value, index) => [value, Math.max(values[index] ?? 0, 1)] as const) }]
  })
}

/** Around today's value, and as far as the strategy changes next. */
function spanOf(advice: EnvironmentAdvice, input: Crossing): { readonly low: number; readonly high: number } {
  const { at } = advice.curves[input]
  const first = at[0] ?? 1
  const last = at.at(-1) ?? first * 10
  const now = Math.min(Math.max(advice.inputs[input].value, first), last)
  const crossings = strategiesAlong(advice, input)
    .slice(1)
    .map(({ from }) => from)
  const below = crossings.findLast((from) => from <= now) ?? now
  const above = crossings.find((from) => from > now) ?? now
  return {
    low: Math.max(first, Math.min(now / AROUND, below / 2)),
    high: Math.min(last, Math.max(now * AROUND, above * 2)),
  }
}

/** What lies within, with a point at each end. */
function clipped(points: readonly Point[], low: number, high: number): readonly Point[] {
  const within = points.filter(([value]) => value > low && value < high)
  return [[low, valueAt(points, low)], ...within, [high, valueAt(points, high)]]
}

/** Between two points as the line is: costs are linear in each input. */
function valueAt(points: readonly Point[], value: number): number {
  const next = points.findIndex(([at]) => at >= value)
  const [a, b] = next <= 0 ? [points.at(next), points.at(next)] : [points[next - 1], points[next]]
  if (a === undefined || b === undefined) return 1
  return b[0] === a[0] ? b[1] : a[1] + ((b[1] - a[1]) * (value - a[0])) / (b[0] - a[0])
}

function logScale([low, high]: readonly [number, number], [from, to]: readonly [number, number]) {
  return (value: number): number => from + ((to - from) * Math.log(value / low)) / Math.log(high / low)
}

function grid({ x, y, low, high, least, most, top, bottom }: Plot, input: Crossing): Markup {
  const across = MARKS[input].filter((mark) => mark >= low && mark <= high)
  const named = withRoom(across, {
    x,
    name: (mark) => (input === 'modelBytes' ? formatBytes(mark) : formatRate(mark)),
  })
  const up = ticks(least / HOUR, most / HOUR)
  return html`${across.map((mark) => html`<path d="M${x(mark)} ${top}V${bottom}" class="grid"/>`)}
${up.map((hours) => html`<path d="M${LEFT} ${y(hours * HOUR)}H${WIDTH - RIGHT}" class="grid"/><text x="${LEFT - 5}" y="${y(hours * HOUR) + 4}" text-anchor="end" class="soft">${hourMark(hours)}</text>`)}
${named.map(({ at, text }) => html`<text x="${at}" y="${bottom + 36}" text-anchor="middle" class="soft">${text}</text>`)}
<path d="M${LEFT} ${bottom}H${WIDTH - RIGHT}" class="lead"/>`
}

/** Short enough for the margin. */
function hourMark(hours: number): string {
  return hours < 10_000 ? `${formatNumber(hours)} h` : `${formatNumber(hours / 1000)}k h`
}

/** Powers of ten; where there are few of them, steps between. */
function ticks(least: number, most: number): readonly number[] {
  const powers = Array.from({ length: 13 }, (_, index) => 10 ** (index - 4))
  const steps = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]]
  const all = steps.map((factors) =>
    powers
      .flatMap((power) => factors.map((factor) => power * factor))
      .filter((at) => at >= least && at <= most),
  )
  return all.find((found) => found.length >= 3) ?? all.at(-1) ?? []
}

function withRoom(
  marks: readonly number[],
  { x, name }: { readonly x: (mark: number) => number; readonly name: (mark: number) => string },
): readonly { readonly at: number; readonly text: string }[] {
  const placed: { at: number; text: string }[] = []
  for (const mark of marks) {
    const text = name(mark)
    const at = x(mark)
    const touches = placed.some(
      (other) =>
        Math.abs(other.at - at) < (textWidth(other.text, SIZE) + textWidth(text, SIZE)) / 2 + SIZE / 2,
    )
    if (!touches) placed.push({ at, text })
  }
  return placed
}

/** Which way is the cheapest, along the axis. */
function strip({ crossings }: EnvironmentAdvice, input: Crossing, { x, low, high, top }: Plot): Markup {
  const within = crossings[input].filter(({ from, to }) => to > low && from < high)
  return html`${within.map(({ way, from, to }) => {
    const [left, right] = [x(Math.max(from, low)), x(Math.min(to, high))]
    return html`<path d="M${left} ${top - 7}H${right}" class="line ${strategyOf(way)}" stroke-width="6" style="stroke-width:6;stroke-dasharray:${DASHES[way]}"/>`
  })}${within.slice(1).map(({ from }) => html`<path d="M${x(from)} ${top - 12}V${top - 2}" class="now" style="stroke-dasharray:none"/>`)}`
}

function curve(
  name: WayName,
  points: readonly Point[],
  { plot, isBest }: { readonly plot: Plot; readonly isBest: boolean },
): Markup {
  const d = points
    .map(([value, seconds]) => `${plot.x(value).toFixed(1)} ${plot.y(seconds).toFixed(1)}`)
    .join('L')
  return html`<path d="M${d}" class="line ${strategyOf(name)}${isBest && ' best'}" style="stroke-dasharray:${DASHES[name]}"/>`
}

function crossingMark(points: readonly Point[], value: number, { x, y }: Plot): Markup {
  return html`<circle cx="${x(value)}" cy="${y(valueAt(points, value))}" r="3.5" class="dot"/>`
}

function today(points: readonly Point[], value: number, { x, y, low, high, top, bottom }: Plot): Markup {
  if (value < low || value > high) return html``
  return html`<path d="M${x(value)} ${top}V${bottom + 5}" class="now"/><circle cx="${x(value)}" cy="${y(valueAt(points, value))}" r="4.5" class="today"/>`
}

function nowLabel(input: Crossing, value: number, { x, low, high, bottom }: Plot): Markup {
  const text = `now ${formatFigure(input, value)}`
  const [label] = rowsOf([{ x: x(Math.min(Math.max(value, low), high)), text }], {
    size: SIZE,
    low: 0,
    high: WIDTH,
  })
  return html`<text x="${label?.x ?? 0}" y="${bottom + 18}" text-anchor="middle" class="strong">${text}</text>`
}

/** At the ends of the lines. */
function names(lines: readonly CurveLine[], { y, top, bottom }: Plot): Markup {
  const ends = lines.map(({ points }) => y(points.at(-1)?.[1] ?? 1))
  const places = spread(ends, { gap: ROW, low: top + 4, high: bottom - 4 })
  const right = WIDTH - RIGHT
  return html`${lines.map(({ name }, index) => {
    const at = places[index] ?? 0
    return html`<path d="M${right + 1} ${ends[index] ?? 0}L${right + 9} ${at}" class="lead"/><text x="${right + 12}" y="${at + 4}">${SHORT[name]}</text>`
  })}`
}
