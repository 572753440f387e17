import { BallastError } from '../core/index.ts'
import type { Session } from './session.ts'

/** In this order. The second is cosign's, so that its keys work as they do there. */
const VARIABLES = ['BALLAST_KEY_PASSWORD', 'COSIGN_PASSWORD']

/** The password of a key file: from the environment, an empty one included, else asked for on the terminal. Throws USAGE where nobody is there. */
export async function keyPassword(session: Session, file: string): Promise<string> {
  const given = passwordGiven(session)
  if (given !== undefined) return given
  const { askSecret } = await asking(session)
  return askSecret(`Password of ${file}`, session)
}

/** For a new key: asked for twice. Throws USAGE where the two differ. */
export async function newKeyPassword(session: Session, file: string): Promise<string> {
  const given = passwordGiven(session)
  if (given !== undefined) return given
  const { askSecret } = await asking(session)
  const password = await askSecret(`Password for ${file} (empty for none)`, session)
  if ((await askSecret('The same again', session)) === password) return password
  throw new BallastError('USAGE', 'the two passwords differ, so no key was made', {
    hint: 'run the command again',
  })
}

function passwordGiven({ io: { env } }: Session): string | undefined {
  const name = VARIABLES.find((variable) => env[variable] !== undefined)
  return name === undefined ? undefined : env[name]
}

async function asking(session: Session): Promise<typeof import('./ask.ts')> {
  if (session.asks) return import('./ask.ts')
  throw new BallastError('USAGE', 'nobody is there to be asked for the password of the key', {
    hint: `set ${VARIABLES.join(' or ')} (to nothing for a key without a password)`,
  })
}
