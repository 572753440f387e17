import { RELOAD_ORDERS } from '../model/index.ts'
import type { VerbOption } from './verb.ts'

/** Of the verbs that change what a running application serves; read by `reloadTask`. */
export const RELOAD_OPTIONS: readonly VerbOption[] = [
  [
    '--reload <how>',
    "how the application is told: 'POST http://HOST/reload[@container:A,B]', signal:SIGHUP@container:A (or @pid:FILE), " +
      "restart:container:A, triton:URL, tfserving:URL, 'command:…'",
  ],
  [
    '--ready <how>',
    "what then says that it serves the version: 'GET http://HOST/health', file:PATH or 'command:…'; {number} and {digest} are " +
      'filled in',
  ],
  ['--within <time>', 'how long that may take (default: 30s)'],
  ['--order <order>', 'of several containers: one-by-one (the default) or all', undefined, RELOAD_ORDERS],
  ['--allow-commands', 'run the commands that ballast.yaml has for this; remembered until they change'],
]
