import { objectOf, parseJsonValue } from '../model/index.ts'
import type { Answer, Asking } from './ask.ts'
import { callHttp } from './call.ts'
import { callListener, callOf } from './listener-call.ts'
import type { Listener } from './listeners.ts'
import { callAt } from './plan.ts'
import type { Telling, Told } from './tell.ts'
import { reasonIn } from './words.ts'

/**
 * Has it load the model anew (model repository extension): it answers when it has, or with its reason, and then goes on with the version
 * that it has. One that looks for versions itself, or loads none after its start, says that it takes no such calls.
 */
export async function loadInTriton(listener: Listener, url: string, telling: Telling): Promise<Told> {
  const told = await callListener(listener, callAt(url, 'POST /v2/repository/models/{name}/load'), telling)
  return 'why' in told && /polling is enabled/.test(told.why) ? { word: 'untold' } : told
}

/** Whether it serves the very version; else what its index says of that. */
export async function askTriton(listener: Listener, url: string, asking: Asking): Promise<Answer> {
  const { name, number } = asking.version
  const ready = await callOf(listener, callAt(url, 'GET /v2/models/{name}/versions/{number}/ready'), asking)
  const answer = await callHttp(ready, asking.signal)
  if ('unreachable' in answer) {
    return { is: 'waiting', why: `${ready.url} does not answer (${answer.unreachable})` }
  }
  if (answer.status === 200) return { is: 'ready', word: 'serves' }
  const index = await callHttp(
    await callOf(listener, callAt(url, 'POST /v2/repository/index'), asking),
    asking.signal,
  )
  const state = 'said' in index ? stateIn(index.said.text, { name, number }) : undefined
  const why = state ?? `${answer.status} ${reasonIn(answer.said)}`.trim()
  return { is: 'waiting', why: `${ready.url} says that it is not ready: ${why}` }
}

/** Of `[{ name, version, state, reason }]`. What it says of an earlier attempt cannot be told from this one. */
function stateIn(
  text: string | undefined,
  { name, number }: { readonly name: string; readonly number: number },
): string | undefined {
  const listed = parseJsonValue(Buffer.from(text ?? ''))
  if (!Array.isArray(listed)) return undefined
  const found = listed.map(objectOf).find((one) => one.name === name && `${one.version}` === `${number}`)
  return (
    found && [found.state, found.reason].filter((one) => typeof one === 'string' && one !== '').join(', ')
  )
}
