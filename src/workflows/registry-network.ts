import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, isSystemError, listIfPresent } from '../core/index.ts'
import type { Network, TlsFiles } from '../http/index.ts'

/** Whom to trust in TLS with registries, and by what this client proves itself. */
export interface RegistryTrust {
  /** Registries whose certificate is not verified. */
  readonly insecure?: readonly string[]
  /** Certificates in PEM, trusted beside those of the system. */
  readonly files?: readonly string[]
  /**
   * With a directory `HOST[:PORT]` each, as Docker and Podman have them: `*.crt` is trusted, a pair `NAME.cert` and `NAME.key` is
   * shown. The first that has one for a registry counts.
   */
  readonly directories?: readonly string[]
}

interface Access {
  readonly network?: Network | undefined
  readonly trust?: RegistryTrust | undefined
}

/** Connections are shared by all who get the same object. */
const networks = new WeakMap<Access, Map<string, Promise<Network>>>()

/** How the registry of a host is reached. Throws NOT_FOUND for a file of certificates that is named and not there, DISK. */
export function networkTo(
  host: string,
  access: Access,
  { unverified = false }: { readonly unverified?: boolean } = {},
): Promise<Network> {
  const known = networks.get(access) ?? new Map<string, Promise<Network>>()
  networks.set(access, known)
  const key = unverified ? `${host} unverified` : host
  const network = known.get(key) ?? createNetwork(host, access, unverified)
  known.set(key, network)
  return network
}

async function createNetwork(
  host: string,
  { network = {}, trust = {} }: Access,
  isUnverified: boolean,
): Promise<Network> {
  const { insecure = [], files = [], directories = [] } = trust
  const own = await certificatesFor(host, directories)
  const ca = [...(await Promise.all(files.map(readCertificates))), ...(own.ca ?? [])]
  const unverified = isUnverified || insecure.includes(host)
  if (ca.length === 0 && own.cert === undefined && !unverified) return network
  return { ...network, tls: { ...own, ca, unverified } }
}

async function certificatesFor(host: string, directories: readonly string[]): Promise<TlsFiles> {
  for (const directory of directories) {
    const names = await listIfPresent(join(directory, host))
    if (names.length === 0) continue
    const read = (name: string): Promise<string> => readFile(join(directory, host, name), 'utf8')
    const [pair] = names.filter((name) => name.endsWith('.cert'))
    const key = pair?.replace(/\.cert$/, '.key')
    if (pair !== undefined && key !== undefined && !names.includes(key)) {
      throw new BallastError('NOT_FOUND', `${join(directory, host, pair)} has no ${key} beside it`, {
        hint: 'put the key of the certificate there, or remove the certificate',
      })
    }
    return {
      ca: await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read)),
      ...(pair !== undefined && key !== undefined && { cert: await read(pair), key: await read(key) }),
    }
  }
  return {}
}

async function readCertificates(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT')) throw error
    throw new BallastError('NOT_FOUND', `there is no file of certificates ${path}`, {
      hint: 'name a file in PEM with --ca, or mend SSL_CERT_FILE',
    })
  })
}
