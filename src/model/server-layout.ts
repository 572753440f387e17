import { BallastError } from '../core/index.ts'

/** Directories as model servers expect them, in place of the files themselves: docs/layouts.md. */
export const SERVER_LAYOUTS = ['triton', 'tfserving', 'hf'] as const
export type ServerLayout = (typeof SERVER_LAYOUTS)[number]

export function isServerLayout(layout: string | undefined): layout is ServerLayout {
  return SERVER_LAYOUTS.some((known) => known === layout)
}

/** Throws USAGE. */
export function parseServerLayout(text: string): ServerLayout {
  if (isServerLayout(text)) return text
  throw new BallastError('USAGE', `there is no layout ${JSON.stringify(text)}`, {
    hint: `one of ${SERVER_LAYOUTS.join(', ')}; without one the target has the files themselves`,
  })
}
