import {
  type EnvironmentAdvice,
  INPUT_NAMES,
  kindOf,
  type Range,
  type WayAdvice,
} from '../../../advise/index.ts'
import { formatFigure, formatHours, formatRate, formatSpan, formatTime } from '../advice-figures.ts'
import { changeWords, possibleWays } from '../advice-words.ts'
import { formatBytes } from '../text.ts'
import { html, type Markup } from './markup.ts'

const COLUMNS = [
  'Update',
  'It moves',
  'New code',
  'Cold start',
  'Image',
  'Disk of a node',
  'Hours a month',
] as const

/** Every way with its costs, the cheapest first; those that are not possible at the end, with the reason. */
export function wayTable(advice: EnvironmentAdvice): Markup {
  const possible = possibleWays(advice)
  const others = advice.ways.filter(({ whyNot }) => whyNot !== null)
  const most = Math.max(...possible.map(({ monthly }) => monthly.seconds.value))
  return html`<table><thead><tr><th scope="col">Way</th>${COLUMNS.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${possible.map((way) => wayRows(way, { most, isChosen: way.name === advice.verdict.way }))}
${others.map(
  ({ title, whyNot }) =>
    html`<tr><th scope="row">${title}</th><td colspan="${COLUMNS.length}">Not possible: ${whyNot}.</td></tr>
`,
)}</tbody></table>
<p><small>Times are from the event until every container serves; bytes are over the network, all nodes together. Small figures below: with all inputs at their lowest and at their highest.</small></p>`
}

function wayRows(
  way: WayAdvice,
  { most, isChosen }: { readonly most: number; readonly isChosen: boolean },
): Markup {
  const { strategy, title, update, code, cold, monthly, storage } = way
  const cells = [
    ranged(update.seconds, formatTime),
    ranged(update.bytes, formatBytes),
    ranged(code.seconds, formatTime),
    ranged(cold.seconds, formatTime),
    html`${formatBytes(storage.imageBytes)}`,
    html`${formatBytes(storage.nodeBytes)}`,
    html`${ranged(monthly.seconds, formatHours)}<span class="bar ${strategy}" style="width:${share(monthly.seconds.value, most)}%"></span>`,
  ]
  return html`<tr${isChosen && html` class="chosen"`}><th scope="row">${title}${isChosen && html` <small>(advised)</small>`}</th>${cells.map((cell, index) => html`<td data-label="${COLUMNS[index]}"><span>${cell}</span></td>`)}</tr>
<tr class="detail"><td colspan="${COLUMNS.length + 1}">${details(way)}</td></tr>
`
}

function share(value: number, most: number): number {
  return most > 0 ? (100 * value) / most : 0
}

function ranged({ value, low, high }: Range, format: (value: number) => string): Markup {
  const [from, to] = [format(low), format(high)]
  return html`${format(value)}${from !== to && html`<small>${from} to ${to}</small>`}`
}

function details({ parts, storage, monthly, warm }: WayAdvice): string {
  const made = monthly.parts.slice(0, 3).map(({ what, seconds }) => `${what} ${formatHours(seconds)}`)
  return [
    `To run besides: ${parts.join(', ') || 'nothing'}.`,
    `A month: ${formatBytes(monthly.bytes.value)} over the network, ${formatBytes(storage.keptPerMonth)} more to keep; builds: ${formatRate(storage.buildsPerMonth)}, redeploys for the model: ${formatRate(storage.redeploysPerMonth)}.`,
    `A start with everything there: ${formatTime(warm.seconds.value)}.`,
    made.length > 0 ? `Most of the hours: ${made.join(', ')}.` : '',
  ].join(' ')
}

/** Every input with where it comes from. */
export function inputTable(advice: EnvironmentAdvice): Markup {
  const rows = INPUT_NAMES.map((name) => {
    const quantity = advice.inputs[name]
    const { what, flag } = kindOf(name)
    const change = changeWords(advice, name)
    return html`<tr><th scope="row">${capital(what)}</th><td data-label="Value">${formatFigure(name, quantity.value)}</td><td data-label="Range">${formatSpan(name, quantity) ?? 'none'}</td><td data-label="Label"><span><span class="label ${quantity.origin}">${quantity.origin}</span></span></td><td data-label="From">${quantity.from}${change !== undefined && html`<small>${change}</small>`}</td><td data-label="Flag"><span>${flag === undefined ? 'none' : html`<code>${flag}</code>`}</span></td></tr>
`
  })
  return html`<table><thead><tr><th scope="col">Input</th><th scope="col">Value</th><th scope="col">Range</th><th scope="col">Label</th><th scope="col">Where from</th><th scope="col">Flag</th></tr></thead>
<tbody>${rows}</tbody></table>`
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
