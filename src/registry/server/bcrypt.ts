import { Worker } from 'node:worker_threads'

export interface BcryptOrder {
  readonly password: string
  /** As htpasswd -B writes it: `$2y$COST$…`. */
  readonly hash: string
}

/**
 * Whether a hash of bcrypt is that of the password. Node.js has no bcrypt, so it takes a tenth of a second and more of a
 * processor: of another thread's, since the registry answers meanwhile. Only 72 bytes of a password count.
 */
export function isBcryptOf(order: BcryptOrder): Promise<boolean> {
  // Compiled, the file is called .js.
  const file = new URL(`./bcrypt-thread${/\.[jt]s$/.exec(import.meta.url)?.[0]}`, import.meta.url)
  return new Promise((resolve, reject) => {
    const worker = new Worker(file)
    worker.unref()
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread for passwords has ended')))
    worker.postMessage(order)
  })
}
