import { BallastError } from '../../core/index.ts'
import type { IncomingResponse } from '../../http/index.ts'
import { refusedBy } from '../http/status.ts'

export interface AskedOfHub {
  /** `org/name`, for people. */
  readonly repository: string
  readonly revision: string
  /** For people: which token was shown. */
  readonly credentials: string
  /** Where its page is. */
  readonly page: string
}

/** What the Hub means, by the code that it gives beside the status: it answers 401 for what it does not want to show. */
export function refusedByHub(response: IncomingResponse, asked: AskedOfHub): BallastError {
  const { repository, revision, credentials, page } = asked
  const code = response.header('x-error-code')
  const cause = { status: response.status, retryAfterMs: undefined }
  const explain = (kind: 'UNAUTHORIZED' | 'NOT_FOUND', what: string, hint: string): BallastError =>
    new BallastError(kind, what, { cause, hint })
  if (code === 'GatedRepo') {
    return explain(
      'UNAUTHORIZED',
      `${repository} is gated, and its owner has not let this user in`,
      [
        `accept its conditions at ${page}`,
        `then give a token that may read it (HF_TOKEN, or hf auth login); it was asked ${credentials}`,
      ].join(', '),
    )
  }
  if (code === 'RepoNotFound') {
    return explain(
      'NOT_FOUND',
      `${response.peer} shows no repository ${repository}`,
      `check the name; a private one needs a token (HF_TOKEN, or hf auth login), and it was asked ${credentials}`,
    )
  }
  if (code === 'RevisionNotFound') {
    return explain(
      'NOT_FOUND',
      `${repository} has no revision ${JSON.stringify(revision)}`,
      `its branches, tags and commits are at ${page}/commits`,
    )
  }
  if (code === 'EntryNotFound') {
    return explain('NOT_FOUND', `${repository} has no such file`, `its files are at ${page}/tree/${revision}`)
  }
  if (response.status === 401) {
    return explain(
      'UNAUTHORIZED',
      `${response.peer} does not accept the token`,
      `it was asked ${credentials}: get a new one at ${new URL('/settings/tokens', page).href}`,
    )
  }
  return refusedBy(response, { what: repository, credentials })
}
