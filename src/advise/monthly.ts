import type { Costs } from './cost-steps.ts'
import { each, type Terms, term } from './terms.ts'

/** What a month is made of. */
export const EVENTS = [
  'updates of the model',
  'work of people',
  'updates of the code',
  'cold starts',
  'upkeep',
] as const
export type Event = (typeof EVENTS)[number]

/**
 * What a way costs in a month, in seconds: that releases and starts wait, and that people work. No event counts
 * more than another; what a thing to run is worth is an input (`upkeep`) like any other.
 */
export function monthlyByEvent({ update, code, cold, people, parts }: Costs): Readonly<Record<Event, Terms>> {
  return {
    'updates of the model': each(update.seconds, 'modelUpdates', 'tenants'),
    'work of people': each(people, 'modelUpdates', 'tenants'),
    'updates of the code': each(code.seconds, 'codeUpdates'),
    'cold starts': each(cold.seconds, 'coldStarts'),
    upkeep: parts.length > 0 ? [term('upkeep of what has to run', parts.length, 'upkeep')] : [],
  }
}

export function monthlySeconds(costs: Costs): Terms {
  return Object.values(monthlyByEvent(costs)).flat()
}

/** Over the network, all nodes together. */
export function monthlyBytes({ update, code, cold }: Costs): Terms {
  return [
    ...each(update.bytes, 'modelUpdates', 'tenants'),
    ...each(code.bytes, 'codeUpdates'),
    ...each(cold.bytes, 'coldStarts'),
  ]
}
