import { BallastError } from '../../core/index.ts'

/** As configuration has it. */
const DEEPEST = 100

/** TOML, by a package that is loaded only here. Throws REFUSED, with the line, for what is none. */
export async function parseToml(text: string): Promise<Readonly<Record<string, unknown>>> {
  const { parse, TomlError } = await import('smol-toml')
  try {
    return parse(text, { integersAsBigInt: 'asNeeded', maxDepth: DEEPEST })
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // What follows shows the file.
    const [why] = error.message.replace('Invalid TOML document: ', '').split('\n', 1)
    throw new BallastError('REFUSED', `line ${error.line}: ${why}`, { cause: error })
  }
}
