import type { EnvironmentAdvice, Way, WayAdvice, WayName } from '../../../advise/index.ts'
import { formatNumber, formatTime } from '../advice-figures.ts'
import { possibleWays } from '../advice-words.ts'
import { formatBytes } from '../text.ts'
import { html, type Markup } from './markup.ts'
import { spread } from './spread.ts'

/** Narrow enough for a phone without being made smaller. */
const WIDTH = 328
const STACK = 96
const TALLEST = 150
const THINNEST = 3
const LINE = 16
const BROADEST = 22

/** Both strategies drawn for this application, to the same scale. */
export function strategiesDrawn(advice: EnvironmentAdvice): Markup {
  const drawn = (['embed', 'mount'] as const).map((strategy) => ({
    strategy,
    way: shownWay(advice, strategy),
  }))
  const most = Math.max(1, ...drawn.flatMap(({ way }) => [way.update.bytes.value, way.code.bytes.value]))
  return html`<div class="pair">${drawn.map(({ strategy, way }) => figureOf({ advice, strategy, way, most }))}</div>
<p><small>Sizes and breadths of arrows are to scale, the same in both drawings; what would be too thin to be seen is drawn as thin as can be.</small></p>`
}

/** The best that is possible; where none is, the first, with the reason. */
function shownWay(advice: EnvironmentAdvice, strategy: Way['strategy']): WayAdvice {
  const isOf = (way: WayAdvice): boolean => way.strategy === strategy
  const { way: chosen, other } = advice.verdict
  const named = advice.ways.find((way) => isOf(way) && (way.name === chosen || way.name === other))
  const way = named ?? possibleWays(advice).find(isOf) ?? advice.ways.findLast(isOf)
  if (way === undefined) throw new Error(`there is no way to ${strategy}`)
  return way
}

interface Drawn {
  readonly advice: EnvironmentAdvice
  readonly strategy: Way['strategy']
  readonly way: WayAdvice
  /** Bytes of the broadest arrow. */
  readonly most: number
}

const PLACE: Readonly<Record<WayName, string>> = {
  copy: '',
  'embed-top': '',
  'embed-bottom': '',
  'by-hand': 'in the directory or volume',
  download: 'in each container, downloaded',
  'mount-volume': 'in the directory or volume',
  'mount-plugin': 'on the volume, from the store',
}

function figureOf({ advice, strategy, way, most }: Drawn): Markup {
  const { modelBytes, imageBytes } = numbersOf(advice)
  const scale = TALLEST / Math.max(modelBytes + imageBytes, 1)
  const stacks = strategy === 'embed' ? embedded(advice, { way, scale }) : mounted(advice, { way, scale })
  const update = moved(advice, {
    title: 'A new version of the model',
    costs: way.update,
    from:
      strategy === 'embed' || advice.answers.offline
        ? 'registry'
        : way.name === 'by-hand'
          ? 'by hand'
          : way.name === 'download'
            ? 'source'
            : 'store',
    top: stacks.bottom + 24,
    strategy,
    most,
  })
  const code = moved(advice, {
    title: 'A new version of the code',
    costs: way.code,
    from: 'registry',
    top: update.bottom + 14,
    strategy,
    most,
  })
  return html`<figure><strong>${strategy === 'embed' ? 'Embedded' : 'Mounted'}: ${way.title}</strong>
${way.whyNot !== null && html`<small>not possible here: ${way.whyNot}</small>`}
<svg viewBox="0 0 ${WIDTH} ${code.bottom}" role="img" aria-label="${strategy === 'embed' ? 'The embedded model in the image' : 'The image and the mounted model'}, and what moves on updates">
${stacks.markup}${update.markup}${code.markup}</svg>
<figcaption>Each node has ${formatBytes(way.storage.nodeBytes)} on disk. A start there takes ${formatTime(way.cold.seconds.value)} with nothing on it, ${formatTime(way.warm.seconds.value)} with everything. To run besides: ${way.parts.join('; ') || 'nothing'}.</figcaption></figure>`
}

interface Piece {
  readonly what: string
  readonly bytes: number
  readonly style: string
}

interface Drawing {
  readonly markup: Markup
  readonly bottom: number
}

interface Stacking {
  readonly way: WayAdvice
  readonly scale: number
}

function piecesOf(
  advice: EnvironmentAdvice,
  style: string,
): Readonly<Record<'model' | 'code' | 'base', Piece>> {
  const { modelBytes, imageBytes, codeBytes } = numbersOf(advice)
  const code = Math.min(codeBytes, imageBytes)
  return {
    model: { what: 'model', bytes: modelBytes, style },
    code: { what: 'code', bytes: code, style: 'code' },
    base: { what: 'base image', bytes: imageBytes - code, style: 'base' },
  }
}

function embedded(advice: EnvironmentAdvice, { way, scale }: Stacking): Drawing {
  const { model, code, base } = piecesOf(advice, 'model-embed')
  const order =
    way.name === 'copy'
      ? [code, model, base]
      : way.name === 'embed-bottom'
        ? [code, base, model]
        : [model, code, base]
  return stack(order, { top: 0, scale, title: `In the image: ${formatBytes(way.storage.imageBytes)}` })
}

function mounted(advice: EnvironmentAdvice, { way, scale }: Stacking): Drawing {
  const { model, code, base } = piecesOf(advice, 'model-mount volume')
  const volume = stack([model], {
    top: 0,
    scale,
    title: `${capital(PLACE[way.name])}: ${formatBytes(model.bytes)}`,
  })
  const image = stack([code, base], {
    top: volume.bottom + 16,
    scale,
    title: `In the image: ${formatBytes(way.storage.imageBytes)}`,
  })
  return { markup: html`${volume.markup}${image.markup}`, bottom: image.bottom }
}

/** Layers, the topmost first, each with its name and size beside it. */
function stack(
  pieces: readonly Piece[],
  { top, scale, title }: { readonly top: number; readonly scale: number; readonly title: string },
): Drawing {
  const begin = top + 20
  let next = begin
  const boxes = pieces.map((piece) => {
    const height = Math.max(piece.bytes * scale, THINNEST)
    const y = next
    next += height
    return { ...piece, y, height, middle: y + height / 2 }
  })
  const bottom = Math.max(next, begin + pieces.length * LINE)
  const places = spread(
    boxes.map(({ middle }) => middle),
    { gap: LINE, low: begin + LINE / 2, high: bottom - LINE / 2 },
  )
  const markup = html`<text x="0" y="${top + 11}" class="strong">${title}</text>
${boxes.map(({ y, height, style }) => html`<rect x="1" y="${y}" width="${STACK}" height="${height}" class="${style}"/>`)}
<rect x="1" y="${begin}" width="${STACK}" height="${next - begin}" class="frame${pieces.length === 1 && ' volume'}"/>
${boxes.map(({ what, bytes, middle }, index) => {
  const at = places[index] ?? middle
  return html`<path d="M${STACK + 1} ${middle}L${STACK + 10} ${at}" class="lead"/><text x="${STACK + 14}" y="${at + 4}">${what} <tspan class="soft">${formatBytes(bytes)}</tspan></text>`
})}`
  return { markup, bottom }
}

interface Move {
  readonly title: string
  readonly costs: WayAdvice['update']
  readonly from: string
  readonly top: number
  readonly strategy: Way['strategy']
  readonly most: number
}

const ARROW = { from: 62, to: 244, head: 9 } as const

function moved(advice: EnvironmentAdvice, { title, costs, from, top, strategy, most }: Move): Drawing {
  const bytes = costs.bytes.value
  const seconds = formatTime(costs.seconds.value)
  const words =
    bytes > 0
      ? `moves ${formatBytes(bytes)}, is served after ${seconds}`
      : `moves nothing, is served after ${seconds}`
  const half = Math.max((bytes / most) * BROADEST, 1.5) / 2
  const middle = top + 34 + Math.max(half + 4, 8)
  const bottom = middle + Math.max(half + 4, 8)
  const { from: left, to: right, head } = ARROW
  const neck = right - head
  const arrow = html`<path class="on-${strategy}" d="M${left} ${middle - half}H${neck}V${middle - half - 4}L${right} ${middle}L${neck} ${middle + half + 4}V${middle + half}H${left}Z"/>
<text x="0" y="${middle + 4}">${from}</text><text x="${right + 6}" y="${middle + 4}">${nodesOf(advice)}</text>`
  const texts = html`<text x="0" y="${top + 11}" class="strong">${title}</text><text x="0" y="${top + 27}" class="soft">${words}</text>`
  return bytes > 0 ? { markup: html`${texts}${arrow}`, bottom } : { markup: texts, bottom: top + 32 }
}

function nodesOf({ inputs }: EnvironmentAdvice): string {
  const { value } = inputs.nodes
  return value === 1 ? 'the node' : `${formatNumber(value)} nodes`
}

function numbersOf({
  inputs,
}: EnvironmentAdvice): Readonly<Record<'modelBytes' | 'imageBytes' | 'codeBytes', number>> {
  const { modelBytes, imageBytes, codeBytes } = inputs
  return { modelBytes: modelBytes.value, imageBytes: imageBytes.value, codeBytes: codeBytes.value }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
