import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isBallastError, isSystemError, readAll, systemCode } from '../core/index.ts'
import { readFromContainer, statInContainer } from '../docker/index.ts'
import { readTarBodies } from '../tar/index.ts'
import { callHttp } from './call.ts'
import { LONGEST_TEXT, type Said, type Word, wordOf } from './claims.ts'
import { whyCommandFailed } from './command.ts'
import { callOf } from './listener-call.ts'
import type { Listener } from './listeners.ts'
import { namesVersion, type Ready } from './plan.ts'
import { commandOptions, type Telling } from './tell.ts'
import { askTriton } from './triton.ts'
import { reasonIn } from './words.ts'

/** What one that was told says of itself. `waiting` may become `ready` yet, `failed` cannot. */
export type Answer =
  | { readonly is: 'ready'; readonly word: 'serves' | 'untold' }
  | { readonly is: 'waiting' | 'failed'; readonly why: string }

export interface Asking extends Telling {
  /** When it was told, in milliseconds since the epoch: a file from before says nothing unless it names the version. */
  readonly since: number
}

/** Asks once. */
export async function askReady(listener: Listener, ready: Ready, asking: Asking): Promise<Answer> {
  switch (ready.kind) {
    case 'http':
      return askHttp(listener, ready.call, asking)
    case 'triton':
      return askTriton(listener, ready.url, asking)
    case 'file':
      return askFile(listener, ready.path, asking)
    case 'command': {
      const why = await whyCommandFailed(ready.command, commandOptions(listener, asking))
      // It is given the version, so its yes is about that one.
      return why === undefined
        ? { is: 'ready', word: 'serves' }
        : { is: 'waiting', why: `the command says no: ${why}` }
    }
  }
}

async function askHttp(listener: Listener, call: string, asking: Asking): Promise<Answer> {
  const request = await callOf(listener, call, asking)
  const answer = await callHttp(request, asking.signal)
  if ('unreachable' in answer) {
    return { is: 'waiting', why: `${request.url} does not answer (${answer.unreachable})` }
  }
  const { status, said } = answer
  const word = wordOf(said, asking.version)
  if (typeof word === 'object') return { is: 'failed', why: word.refused }
  if (status === 200) return answerOf(word, { who: request.url, said, isAbout: namesVersion(call) })
  const reason = reasonIn(said)
  return { is: 'waiting', why: `${request.url} answers ${status}${reason === '' ? '' : `: ${reason}`}` }
}

/** `isAbout`: what was asked names the version, so that a plain yes is about it. */
export function answerOf(
  word: Word,
  { who, said, isAbout }: { readonly who: string; readonly said: Said; readonly isAbout: boolean },
): Answer {
  if (typeof word === 'object') return { is: 'failed', why: word.refused }
  if (word === 'another') return { is: 'waiting', why: `${who} names another version` }
  if (word === 'untold' && said.text === undefined && !isAbout) {
    return {
      is: 'waiting',
      why: `${who} says more than ${LONGEST_TEXT} bytes, too many to find a version in`,
    }
  }
  return { is: 'ready', word: isAbout ? 'serves' : word }
}

interface FoundFile extends Said {
  /** In milliseconds since the epoch. */
  readonly modified: number
}

/** Of the container where there is one, else of this host. */
async function askFile({ container }: Listener, path: string, asking: Asking): Promise<Answer> {
  const found =
    container === undefined
      ? await fileHere(resolve(asking.directory, path))
      : await fileInContainer(container, path, asking)
  if (found === undefined) return { is: 'waiting', why: `there is no ${path}` }
  if (typeof found === 'string') return { is: 'waiting', why: `${path} cannot be read (${found})` }
  const word = wordOf(found, asking.version)
  if (word === 'untold' && found.modified < asking.since) {
    return { is: 'waiting', why: `${path} is from before` }
  }
  return answerOf(word, { who: path, said: found, isAbout: false })
}

/** The system's word where there is one that cannot be read. */
async function fileHere(path: string): Promise<FoundFile | string | undefined> {
  try {
    const { mtimeMs, size } = await stat(path)
    return { text: size > LONGEST_TEXT ? undefined : await readFile(path, 'utf8'), modified: mtimeMs }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    const code = systemCode(error)
    if (code !== undefined) return code
    throw error
  }
}

async function fileInContainer(
  id: string,
  path: string,
  { engine, signal }: Asking,
): Promise<FoundFile | undefined> {
  if (engine === undefined) return undefined
  const info = await statInContainer(engine, { id, path }, { signal })
  if (info?.type !== 'file') return undefined
  const modified = Number(BigInt(info.mtimeNs || '0') / 1_000_000n)
  if (info.size > LONGEST_TEXT) return { text: undefined, modified }
  try {
    for await (const { body } of readTarBodies(await readFromContainer(engine, { id, path }, { signal }))) {
      return { text: (await readAll(body, LONGEST_TEXT)).toString('utf8'), modified }
    }
  } catch (error) {
    // It is written anew meanwhile.
    if (!isBallastError(error, 'NOT_FOUND')) throw error
  }
  return undefined
}
