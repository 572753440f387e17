import type { Answers } from './answers.ts'
import { type Costs, FILLED, kitOf } from './cost-steps.ts'
import { DEVELOPED } from './local-costs.ts'
import type { Rates } from './rates.ts'
import { RELEASED } from './released-costs.ts'
import { type Terms, term } from './terms.ts'
import type { Way } from './ways.ts'

/** Throws nothing; whether the way is possible at all is not looked at. */
export function costsOf(way: Way, answers: Answers, rates: Rates): Costs {
  const parts = way.parts(answers)
  const make = answers.local ? DEVELOPED[way.name] : RELEASED[way.name]
  return { ...make(kitOf(rates, answers), answers), people: peopleOf(way, answers), parts }
}

function peopleOf({ name, strategy }: Way, { coupling, team, local }: Answers): Terms {
  const redeploys = strategy === 'embed' || coupling === 'tight' || name === 'download'
  const agreed = team === 'separate' && (strategy === 'embed' || coupling === 'tight')
  if (local && strategy === 'mount') return []
  return [
    ...(redeploys ? [term('redeploys', 1, 'attention', 'apps')] : []),
    ...(name === 'by-hand' && !redeploys ? [FILLED] : []),
    ...(agreed && !local ? [term('agreement between teams', 1, 'agreement', 'apps')] : []),
  ]
}
