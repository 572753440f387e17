import type { EnvironmentAdvice, InputName } from '../../../advise/index.ts'
import { formatFigure, formatSpan, formatTime } from '../advice-figures.ts'
import { crossingWords, nameOf, wayOf } from '../advice-words.ts'
import { formatCount } from '../text.ts'
import { html, type Markup } from './markup.ts'

interface Factor {
  readonly name: string
  readonly known: string
  readonly effect: string
}

/** What the decision rests on, what is known of it here, and what it does to the answer. */
export function factorTable(advice: EnvironmentAdvice): Markup {
  const rows = [size, frequency, coupling, complexity, team, surroundings].map((factor) => factor(advice))
  return html`<table><thead><tr><th scope="col">Factor</th><th scope="col">Known of it</th><th scope="col">What it does to the answer</th></tr></thead>
<tbody>${rows.map(
    ({ name, known, effect }) =>
      html`<tr><th scope="row">${name}</th><td data-label="Known of it">${known}</td><td data-label="Effect">${effect}</td></tr>
`,
  )}</tbody></table>`
}

/** `1/week (assumed, 1/month to 1/day)`. */
function figure({ inputs }: EnvironmentAdvice, name: InputName): string {
  const quantity = inputs[name]
  const span = formatSpan(name, quantity)
  return `${formatFigure(name, quantity.value)} (${quantity.origin}${span === undefined ? '' : `, ${span}`})`
}

function size(advice: EnvironmentAdvice): Factor {
  return {
    name: 'Model size',
    known: figure(advice, 'modelBytes'),
    effect: crossingWords(advice, 'modelBytes'),
  }
}

function frequency(advice: EnvironmentAdvice): Factor {
  return {
    name: 'Update frequency',
    known: `Model: ${figure(advice, 'modelUpdates')}. Code: ${figure(advice, 'codeUpdates')}.`,
    effect: crossingWords(advice, 'modelUpdates'),
  }
}

function coupling({ answers }: EnvironmentAdvice): Factor {
  const isTight = answers.coupling === 'tight'
  return {
    name: 'Coupling',
    known: isTight
      ? 'Tight: a version of the model works with one version of the code only.'
      : 'Loose: model and code need not change together.',
    effect: isTight
      ? 'A mounted model has to be released in step with the code: one thing more to look after, and a redeploy for each version.'
      : 'It forbids nothing: a new version of the model needs no new image.',
  }
}

function complexity(advice: EnvironmentAdvice): Factor {
  const { answers, verdict, inputs } = advice
  const ways = [verdict.way, ...(verdict.other === null ? [] : [verdict.other])]
  const counts = ways.map((name) => {
    const count = wayOf(advice, name)?.parts.length ?? 0
    const upkeep =
      count === 0
        ? 'nothing to run besides'
        : `${formatCount(count, 'thing')} to run besides, ${formatTime(count * inputs.upkeep.value)} of upkeep a month`
    return `With ${nameOf(name)}: ${upkeep}.`
  })
  return {
    name: 'Operational complexity',
    known: `${answers.nodeAccess ? 'Nodes may have something installed.' : 'Nothing may be installed on the nodes.'} Upkeep of one thing: ${figure(advice, 'upkeep')} a month.`,
    effect: counts.join(' '),
  }
}

function team(advice: EnvironmentAdvice): Factor {
  const isSeparate = advice.answers.team === 'separate'
  return {
    name: 'Team workflow',
    known: isSeparate
      ? 'Separate: others release the model than release the code.'
      : 'The same people release model and code.',
    effect: isSeparate
      ? `What needs a redeploy has to be agreed on: ${figure(advice, 'agreement')} each time. Embedding always does; mounting does where coupling is tight.`
      : 'Nothing has to be agreed on for a release.',
  }
}

function surroundings({ environment, answers, ways }: EnvironmentAdvice): Factor {
  const facts = [
    answers.offline && 'nodes reach no store at run time',
    answers.immutable && 'what runs has to be one artefact',
    answers.scaleToZero && 'containers start from nothing when they are asked for',
    answers.reload && 'the application takes a new model without a restart',
    answers.local && 'the model is made where the application is tried',
  ].filter((fact) => fact !== false)
  const reasons = new Set(ways.flatMap(({ whyNot }) => (whyNot === null ? [] : [whyNot])))
  return {
    name: 'Environment',
    known: `${[environment, `on ${PLATFORM[answers.platform]}`, ...facts].join('; ')}.`,
    effect:
      reasons.size === 0
        ? 'Every way is possible.'
        : `Some ways are not possible: ${[...reasons].join('; ')}.`,
  }
}

const PLATFORM: Readonly<Record<EnvironmentAdvice['answers']['platform'], string>> = {
  docker: 'Docker',
  podman: 'Podman',
  swarm: 'Docker Swarm',
  kubernetes: 'Kubernetes',
  serverless: 'a serverless platform',
}
