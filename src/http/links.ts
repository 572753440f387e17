/** The target of a `Link` header's entry of that relation, as written: it may be relative (RFC 8288). */
export function linkTo(relation: string, header: string | undefined): string | undefined {
  for (const [, target, parameters = ''] of (header ?? '').matchAll(/<([^>]*)>((?:\s*;[^,]*)?)/g)) {
    const [, quoted, plain] = /;\s*rel=(?:"([^"]*)"|([^\s;]+))/i.exec(parameters) ?? []
    if ((quoted ?? plain)?.toLowerCase().split(/\s+/).includes(relation)) return target
  }
  return undefined
}
