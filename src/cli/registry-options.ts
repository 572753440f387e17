import type { VerbOption } from './verb.ts'

/** How a registry is reached, where that is not as usual. Hosts as in references, several joined by commas. */
export interface RegistryOptions {
  readonly plainHttp?: string | undefined
  readonly insecure?: string | undefined
  readonly ca?: string | undefined
}

export const REGISTRY_OPTIONS: readonly VerbOption[] = [
  ['--plain-http <host>', 'a registry without TLS, beside those on this machine (several: A,B)'],
  ['--insecure <host>', 'a registry whose certificate is not verified, and no other (several: A,B)'],
  ['--ca <file>', 'certificates to trust beside those of the system and of /etc/docker/certs.d/HOST'],
]

/** What of `--plain-http A,B`. */
export function hostsIn(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(',')
}
