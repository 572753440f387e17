import { deleteScope, mergeScopes, pullScope, pushScope, type Route, type Scope } from '../protocol/index.ts'
import type { User } from './users.ts'

const CATALOG_SCOPE: Scope = 'registry:catalog:*'

/** What a request has to be allowed; nothing where it is enough to be somebody. */
export function neededFor(route: Route, method: string): readonly Scope[] {
  if (route.kind === 'base') return []
  if (route.kind === 'catalog') return [CATALOG_SCOPE]
  const { kind, name } = route
  if (kind === 'uploads' || kind === 'upload') return [pushScope(name)]
  if (method === 'GET' || method === 'HEAD') return [pullScope(name)]
  return [method === 'DELETE' ? deleteScope(name) : pushScope(name)]
}

/** Whether a request changes what the registry holds. */
export function changes(route: Route, method: string): boolean {
  return route.kind === 'uploads' || route.kind === 'upload' || (method !== 'GET' && method !== 'HEAD')
}

/** Of what was asked for, what the user may. */
export function grantedTo({ may }: User, asked: readonly Scope[]): readonly Scope[] {
  if (may === 'push') return mergeScopes(asked)
  return mergeScopes(asked).flatMap((scope) => {
    if (scope === CATALOG_SCOPE) return [scope]
    const [resource, actions] = divide(scope)
    return actions.includes('pull') ? [`${resource}:pull`] : []
  })
}

export function areCovered(needed: readonly Scope[], granted: readonly Scope[]): boolean {
  const given = new Map(granted.map(divide))
  return needed.map(divide).every(([resource, actions]) => {
    const has = given.get(resource)
    return has !== undefined && actions.every((action) => has.includes(action) || has.includes('*'))
  })
}

function divide(scope: Scope): readonly [resource: string, actions: readonly string[]] {
  const colon = scope.lastIndexOf(':')
  return [scope.slice(0, colon), scope.slice(colon + 1).split(',')]
}
