/** The top-level `name` of a `config.pbtxt` (protocol buffers, text format); undefined where there is none. */
export function modelName(config: string): string | undefined {
  return /(?:^|[\s,;}\]])name\s*:\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/
    .exec(topLevel(config))?.[1]
    ?.slice(1, -1)
}

/** Whether it says which versions are to be served. */
export function namesVersions(config: string): boolean {
  return /\bversion_policy\s*:?\s*\{\s*specific\b/.test(withoutComments(config))
}

/** The files beside it that outputs take their labels from. */
export function labelFiles(config: string): readonly string[] {
  return [...withoutComments(config).matchAll(/\blabel_filename\s*:\s*["']([^"'/]+)["']/g)].flatMap(
    ([, file]) => (file === undefined ? [] : [file]),
  )
}

const STRING = String.raw`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'`

function withoutComments(config: string): string {
  return config.replace(new RegExp(`(${STRING})|#.*`, 'g'), (_, text: string | undefined) => text ?? '')
}

/** What is in no braces and brackets. */
function topLevel(config: string): string {
  let depth = 0
  return withoutComments(config).replace(new RegExp(`${STRING}|[{}[\\]<>]|[^"'{}[\\]<>]+`, 'g'), (token) => {
    if ('{[<'.includes(token)) depth++
    else if ('}]>'.includes(token)) depth--
    else return depth === 0 ? token : ''
    return ' '
  })
}
