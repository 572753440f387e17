import {
  type Advice,
  type EnvironmentAdvice,
  INPUT_NAMES,
  type InputName,
  kindOf,
  type WayAdvice,
} from '../../advise/index.ts'
import { formatBar } from './advice-bars.ts'
import { formatFigure, formatHours, formatSpan, formatTime } from './advice-figures.ts'
import {
  byWeight,
  changeWords,
  crossingWords,
  possibleWays,
  reasonWords,
  SHORT,
  verdictWords,
} from './advice-words.ts'
import { formatBytes, formatCount, formatTable } from './text.ts'

export { copyNote, trendNote } from './advice-notes.ts'

const NARROWEST = 80
const WIDEST = 110
const INDENT = '  '
const MOST_ASSUMED = 7
const SHOWS_ALL = '--json or --html shows all'
const LEGEND =
  'UPDATE: from a new version of the model until all serve it; MOVES: over the network for it; COLD: a start on a node that has nothing; ON NODE: disk on each node.'

export interface AdviceTextOptions {
  /** Bars without blocks. */
  readonly ascii?: boolean
}

/** For a terminal of `width` columns; narrower ones than 80 are written for as if they had 80. */
export function formatAdvice(
  advice: Advice,
  width: number,
  { ascii = false }: AdviceTextOptions = {},
): string {
  const columns = Math.min(Math.max(width, NARROWEST), WIDEST)
  const { subject, image, environments, notes } = advice
  const blocks = [
    wrap(image === null ? subject : `${subject}, for ${image}`, columns),
    ...notes.map((note) => wrap(note, columns)),
    ...environmentsBlocks(environments, { columns, ascii }),
  ]
  return blocks.filter((block) => block !== '').join('\n')
}

interface Page {
  readonly columns: number
  readonly ascii: boolean
}

/** Of several, the answers of all come first, then the figures of the last. */
function environmentsBlocks(environments: readonly EnvironmentAdvice[], page: Page): readonly string[] {
  const last = environments.at(-1)
  if (last === undefined) return []
  const others = environments.slice(0, -1)
  const names = others.map(({ environment }) => environment).join(' or ')
  return [
    ...environments.map((one) => answer(one, page)),
    others.length === 0
      ? ''
      : wrap(`Figures for ${last.environment}; --environment ${names} shows those.`, page.columns),
    ...figures(last, page),
  ]
}

function answer(advice: EnvironmentAdvice, { columns }: Page): string {
  const { headline, more } = verdictWords(advice)
  return (
    wrap(`${advice.environment}: ${headline}`, columns) +
    more.map((sentence) => wrap(sentence, columns, INDENT)).join('') +
    reasonWords(advice)
      .map((reason) => wrap(`- ${reason}`, columns, INDENT, `${INDENT}  `))
      .join('')
  )
}

function figures(advice: EnvironmentAdvice, page: Page): readonly string[] {
  const { columns } = page
  const possible = possibleWays(advice)
  return [
    waysTable(possible, advice) + wrap(LEGEND, columns, INDENT),
    bars(possible, page),
    grouped('Has to run', possible, ({ parts }) => parts.join('; ') || 'nothing more', columns) +
      grouped(
        'Not possible',
        advice.ways.filter(({ whyNot }) => whyNot !== null),
        ({ whyNot }) => whyNot ?? '',
        columns,
      ),
    wrap(crossingWords(advice, 'modelBytes'), columns) + wrap(crossingWords(advice, 'modelUpdates'), columns),
    known(advice, columns) + assumptions(advice, columns),
  ]
}

function waysTable(ways: readonly WayAdvice[], { verdict }: EnvironmentAdvice): string {
  const header = ['  WAY', 'UPDATE', 'MOVES', 'COLD', 'IMAGE', 'ON NODE', 'A MONTH']
  const rows = ways.map(({ name, update, cold, storage, monthly }) => [
    `${name === verdict.way ? '*' : ' '} ${SHORT[name]}`,
    formatTime(update.seconds.value),
    formatBytes(update.bytes.value),
    formatTime(cold.seconds.value),
    formatBytes(storage.imageBytes),
    formatBytes(storage.nodeBytes),
    formatHours(monthly.seconds.value),
  ])
  return formatTable(header, rows, [1, 2, 3, 4, 5, 6])
}

/** Hours a month, to scale. */
function bars(ways: readonly WayAdvice[], { columns, ascii }: Page): string {
  const most = Math.max(...ways.map(({ monthly }) => monthly.seconds.value))
  const names = Math.max(...ways.map(({ name }) => SHORT[name].length))
  const room = columns - names - 2 * INDENT.length - ' 10,000 h'.length
  const lines = ways.map(({ name, monthly }) => {
    const { value } = monthly.seconds
    const bar = formatBar(most > 0 ? value / most : 0, room, { ascii })
    return `${INDENT}${SHORT[name].padEnd(names)}${INDENT}${bar} ${formatHours(value)}\n`
  })
  return `Hours a month in which releases and starts wait and people work:\n${lines.join('')}`
}

/** Ways of which the same is to be said stand in one line. */
function grouped(
  title: string,
  ways: readonly WayAdvice[],
  say: (way: WayAdvice) => string,
  columns: number,
): string {
  const groups = new Map<string, string[]>()
  for (const way of ways) groups.set(say(way), [...(groups.get(say(way)) ?? []), SHORT[way.name]])
  const lines = [...groups].map(([what, names]) =>
    wrap(`${names.join(', ')}: ${what}`, columns, INDENT, `${INDENT}  `),
  )
  return lines.length === 0 ? '' : `${title}:\n${lines.join('')}`
}

function known({ inputs }: EnvironmentAdvice, columns: number): string {
  const names = INPUT_NAMES.filter((name) => inputs[name].origin !== 'assumed')
  if (names.length === 0) return ''
  const parts = names.map(
    (name) => `${kindOf(name).what} ${formatFigure(name, inputs[name].value)} (${inputs[name].origin})`,
  )
  return wrap(`Known: ${parts.join('; ')}.`, columns, '', INDENT)
}

/** Those that could change the answer. */
function assumptions(advice: EnvironmentAdvice, columns: number): string {
  const all = INPUT_NAMES.filter((name) => advice.inputs[name].origin === 'assumed')
  const shown = byWeight(advice)
    .filter((name) => all.includes(name) && changeWords(advice, name) !== undefined)
    .slice(0, MOST_ASSUMED)
  if (all.length === 0) return ''
  if (shown.length === 0)
    return wrap(
      `Assumed: ${formatCount(all.length, 'figure')}, none of which changes the answer; ${SHOWS_ALL}.`,
      columns,
    )
  const flags = Math.max(...shown.map((name) => flagOf(name).length))
  const lines = shown.map((name) =>
    wrap(
      `${flagOf(name).padEnd(flags)}  ${assumptionWords(advice, name)}`,
      columns,
      INDENT,
      ' '.repeat(flags + 2 * INDENT.length),
    ),
  )
  const left = all.length - shown.length
  const more = left > 0 ? `${INDENT}and ${formatCount(left, 'figure')} that matter less; ${SHOWS_ALL}\n` : ''
  return `Assumed, those first that weigh most, with what replaces them:\n${lines.join('')}${more}`
}

function flagOf(name: InputName): string {
  return kindOf(name).flag ?? '(no flag)'
}

function assumptionWords(advice: EnvironmentAdvice, name: InputName): string {
  const quantity = advice.inputs[name]
  const span = formatSpan(name, quantity)
  const change = changeWords(advice, name)
  const figure = `${formatFigure(name, quantity.value)}${span === undefined ? '' : ` (${span})`}`
  return `${figure}, ${kindOf(name).what}: ${quantity.from}${change === undefined ? '' : `; ${change}`}`
}

/** Lines of at most `columns`; the first begins with `first`, the others with `rest`. Words that are longer stay whole. */
function wrap(text: string, columns: number, first = '', rest = first): string {
  if (text === '') return ''
  const lines: string[] = []
  let line = first
  let isFresh = true
  // Spaces that align columns are kept: only single ones are places to break.
  for (const word of text.split(/(?<! ) (?! )/)) {
    if (!isFresh && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = rest
      isFresh = true
    }
    line += isFresh ? word : ` ${word}`
    isFresh = false
  }
  return `${[...lines, line].join('\n')}\n`
}
