import type { Proxies } from '../http/index.ts'
import type { Io } from './io.ts'

/** By the conventional variables; where both spellings are there, the one in lower case counts, as curl has it. */
export function proxiesOf({ env }: Pick<Io, 'env'>): Proxies {
  const of = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined
  const all = of('ALL_PROXY')
  return { http: of('HTTP_PROXY') ?? all, https: of('HTTPS_PROXY') ?? all, no: of('NO_PROXY') }
}
