import { parentPort } from 'node:worker_threads'
import { compareSync } from 'bcryptjs'
import type { BcryptOrder } from './bcrypt.ts'

/** The thread's own side of `isBcryptOf`: one answer, and its end. */
parentPort?.once('message', ({ password, hash }: BcryptOrder) => {
  parentPort?.postMessage(compareSync(password, hash))
  parentPort?.close()
})
