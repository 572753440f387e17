import { LONGEST_TEXT, type Said } from './claims.ts'
import type { HttpCall } from './container-url.ts'

export type CallAnswer = { readonly status: number; readonly said: Said } | { readonly unreachable: string }

/** One request, redirects not followed; of an answer without end no more is read than `LONGEST_TEXT`. */
export async function callHttp({ method, url }: HttpCall, signal: AbortSignal): Promise<CallAnswer> {
  try {
    const answer = await fetch(url, { method, signal, redirect: 'manual' })
    const text = await readText(answer.body)
    return { status: answer.status, said: { text, header: (name) => answer.headers.get(name) } }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { unreachable: cause instanceof Error ? cause.message : String(cause) }
  }
}

async function readText(body: Response['body']): Promise<string | undefined> {
  if (body === null) return ''
  const parts: Uint8Array[] = []
  let size = 0
  // Left early, the rest is given up with the connection.
  for await (const part of body) {
    parts.push(part)
    size += part.length
    if (size > LONGEST_TEXT) return undefined
  }
  return Buffer.concat(parts).toString('utf8')
}
