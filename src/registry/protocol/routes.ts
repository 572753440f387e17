/** What a path below `/v2/` denotes (distribution-spec, "Endpoints"). Names, tags and digests are not checked yet. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'manifest'; readonly name: string; readonly reference: string }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: string }
  | { readonly kind: 'uploads'; readonly name: string }
  | { readonly kind: 'upload'; readonly name: string; readonly id: string }
  | { readonly kind: 'tags'; readonly name: string }
  | { readonly kind: 'referrers'; readonly name: string; readonly digest: string }

/** Undefined for a path that is none of them. A name may hold slashes, and parts such as `blobs`. */
export function parseRoute(path: string): Route | undefined {
  const decoded = decode(path)
  if (decoded === '/v2' || decoded === '/v2/') return { kind: 'base' }
  if (decoded === '/v2/_catalog') return { kind: 'catalog' }
  for (const [pattern, make] of ROUTES) {
    const [, name, last] = pattern.exec(decoded ?? '') ?? []
    if (name !== undefined) return make(name, last ?? '')
  }
  return undefined
}

/** The path of a route, encoded. */
export function formatRoute(route: Route): string {
  if (route.kind === 'base') return '/v2/'
  if (route.kind === 'catalog') return '/v2/_catalog'
  const root = `/v2/${route.name.split('/').map(encodeURIComponent).join('/')}`
  if (route.kind === 'manifest') return `${root}/manifests/${encode(route.reference)}`
  if (route.kind === 'blob') return `${root}/blobs/${encode(route.digest)}`
  if (route.kind === 'uploads') return `${root}/blobs/uploads/`
  if (route.kind === 'upload') return `${root}/blobs/uploads/${encode(route.id)}`
  if (route.kind === 'tags') return `${root}/tags/list`
  return `${root}/referrers/${encode(route.digest)}`
}

/** Read from the end, because the name before it may hold anything; the order matters for `blobs/uploads/`. */
const ROUTES: readonly (readonly [RegExp, (name: string, last: string) => Route])[] = [
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, (name) => ({ kind: 'uploads', name })],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, (name, id) => ({ kind: 'upload', name, id })],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, (name, digest) => ({ kind: 'blob', name, digest })],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, (name, reference) => ({ kind: 'manifest', name, reference })],
  [/^\/v2\/(.+)\/tags\/list$/, (name) => ({ kind: 'tags', name })],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, (name, digest) => ({ kind: 'referrers', name, digest })],
]

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

/** A colon may stand in a path (RFC 3986, 3.3), and some registries do not decode it. */
function encode(part: string): string {
  return encodeURIComponent(part).replaceAll('%3A', ':')
}
