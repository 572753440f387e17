import { readContainer } from '../docker/index.ts'
import { callHttp } from './call.ts'
import { wordOf } from './claims.ts'
import { containerCall, type HttpCall, readCall } from './container-url.ts'
import type { Listener } from './listeners.ts'
import { fillIn } from './plan.ts'
import type { Telling, Told } from './tell.ts'
import { reasonIn } from './words.ts'

/** As one replica of several has it, where it is one. Throws NOT_FOUND where its container is gone. */
export async function callOf(
  { container }: Listener,
  text: string,
  { engine, version, signal }: Telling,
): Promise<HttpCall> {
  const filled = fillIn(text, version)
  if (container === undefined || engine === undefined) return readCall(filled)
  return containerCall(filled, await readContainer(engine, container, { signal }))
}

/** Calls it once: an answer of anything but 2xx says that it does not take the version. */
export async function callListener(listener: Listener, text: string, telling: Telling): Promise<Told> {
  const request = await callOf(listener, text, telling)
  const answer = await callHttp(request, telling.signal)
  if ('unreachable' in answer)
    return { why: `${request.url} does not answer (${answer.unreachable})`, again: true }
  const { status, said } = answer
  if (status >= 200 && status < 300) return { word: wordOf(said, telling.version) }
  const reason = reasonIn(said)
  return { why: `${request.url} answers ${status}${reason === '' ? '' : `: ${reason}`}`, again: false }
}
