import { BallastError } from '../../core/index.ts'
import { isServerLayout } from '../../model/index.ts'
import { isVisit, type MoveOptions } from '../followed.ts'
import type { Layout } from '../links.ts'
import { layoutOfLink } from './view.ts'

/**
 * The layout in which a link is to move: that which it has, or for a new one that which is asked for. Throws CONFLICT where another one
 * is asked for, because the server that reads it would find nothing any more.
 */
export function layoutToUse(
  link: string,
  { leadsTo }: { readonly leadsTo: string | undefined },
  { layout, by }: Pick<MoveOptions, 'layout' | 'by'>,
): Layout | undefined {
  const has = layoutOfLink(leadsTo)
  const wanted = isServerLayout(layout) ? layout : undefined
  if (leadsTo === undefined || has === wanted) return layout
  if (isVisit({ by })) return has ?? layout
  const is = has === undefined ? 'has the files themselves' : `is laid out for ${has}`
  throw new BallastError('CONFLICT', `${link} ${is}`, {
    hint:
      has === undefined
        ? 'nothing was changed; name another target, or another link with --as'
        : `go on with --layout ${has}, or name another target, or another link with --as`,
  })
}
