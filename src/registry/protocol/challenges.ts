/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1); the scheme and the names in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** All challenges of the header's values, in order. What does not belong to one is passed over. */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap(parseValue)
}

function parseValue(text: string): readonly Challenge[] {
  const challenges: { readonly scheme: string; readonly parameters: Record<string, string> }[] = []
  for (let at = 0; at < text.length; ) {
    const parameter = matchAt(PARAMETER, text, at)
    const scheme = parameter === undefined ? matchAt(SCHEME, text, at) : undefined
    if (parameter !== undefined) {
      const [, name = '', quoted, token = ''] = parameter
      const { parameters } = challenges.at(-1) ?? {}
      // None may come twice (RFC 9110, 11.2), so that the first cannot be overruled by what follows it.
      if (parameters !== undefined)
        parameters[name.toLowerCase()] ??= quoted?.replace(/\\(.)/gs, '$1') ?? token
    } else if (scheme !== undefined) {
      challenges.push({ scheme: scheme[1]?.toLowerCase() ?? '', parameters: {} })
    }
    at += (parameter ?? scheme)?.[0].length ?? 1
  }
  return challenges
}

/** `name="value"` or `name=value`. */
const PARAMETER = /([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/sy
/** A name without `=` behind it, and the token68 that some schemes have instead of parameters. */
const SCHEME = /([\w!#$%&'*+.^`|~-]+)(?:[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$)))?/y

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}
