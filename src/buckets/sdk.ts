import { BallastError, isSystemError } from '../core/index.ts'

/** A library that is installed or not, and is loaded when it is used. Throws REFUSED where it is not installed. */
export async function loadSdk<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (!isSystemError(error, 'ERR_MODULE_NOT_FOUND') || !(error as Error).message.includes(name)) throw error
    throw new BallastError('REFUSED', `${name} is not installed, and these addresses need it`, {
      cause: error,
      hint: `install it where Ballast is installed: npm install ${name} (-g for a global installation)`,
    })
  }
}
