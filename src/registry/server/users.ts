import type { Credentials } from '../protocol/index.ts'
import { equalText } from './access.ts'

/** Somebody who may use the registry: all of it, or all of it without changing anything. */
export interface User {
  readonly name: string
  readonly may: 'pull' | 'push'
}

/** Those who may use the registry. */
export interface Users {
  /** Undefined for anybody else. */
  find(credentials: Credentials): Promise<User | undefined>
}

/** One who may do everything. Takes the same time whatever is wrong with what is given. */
export function oneUser(expected: Credentials): Users {
  return {
    async find({ username, password }) {
      const isName = equalText(username, expected.username)
      const isPassword = equalText(password, expected.password)
      return isName && isPassword ? { name: username, may: 'push' } : undefined
    },
  }
}
