/**
 * What a token is to allow, as `repository:NAME:ACTION,…` (distribution, "Token Scope Documentation"). A name may hold
 * colons; the actions come last.
 */
export type Scope = string

export const pullScope = (name: string): Scope => `repository:${name}:pull`
export const pushScope = (name: string): Scope => `repository:${name}:pull,push`
export const deleteScope = (name: string): Scope => `repository:${name}:delete`

/** Each resource once, with all actions that are named for it, in the order in which they come. */
export function mergeScopes(scopes: readonly Scope[]): readonly Scope[] {
  const merged = new Map<string, Set<string>>()
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(':')
    const resource = scope.slice(0, colon)
    const actions = merged.get(resource) ?? new Set()
    for (const action of scope.slice(colon + 1).split(',')) if (action !== '') actions.add(action)
    merged.set(resource, actions)
  }
  return [...merged].map(([resource, actions]) => `${resource}:${[...actions].join(',')}`)
}

/** The `scope` of a challenge, which holds several with spaces between them. */
export function parseScopes(text: string | undefined): readonly Scope[] {
  return (text ?? '').split(/\s+/).filter((scope) => scope.includes(':'))
}
