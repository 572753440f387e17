import { text } from 'node:stream/consumers'
import { BallastError } from '../../core/index.ts'
import { imageAccess } from '../image-access.ts'
import { REGISTRY_OPTIONS, type RegistryOptions } from '../registry-options.ts'
import type { Session } from '../session.ts'
import { defineVerb } from '../verb.ts'

interface LoginOptions extends RegistryOptions {
  readonly username?: string
  readonly passwordStdin?: boolean
}

export const verb = defineVerb<[string, LoginOptions]>({
  usage: 'login <host>',
  summary: 'log in to a registry, where Docker and Podman keep logins',
  details:
    'The registry is asked first; what it does not take is not kept. The login is given to the credential helper that\n' +
    "Docker's config.json names (credHelpers, credsStore), else written there. Whoever is logged in by docker or podman\n" +
    'already need not do it again.',
  options: [
    ['-u, --username <name>', 'the user; asked for where it is left out'],
    ['--password-stdin', 'read the password or token from standard input, where no process list shows it'],
    ...REGISTRY_OPTIONS,
  ],
  examples: [
    'ballast login ghcr.io -u ann',
    'pass show registry | ballast login registry.example --username ann --password-stdin',
  ],
  async run(session, host, options) {
    const { login, refuseOther } = await import('../../workflows/login.ts')
    // Before anybody types a password for it.
    refuseOther(host)
    const credentials = await credentialsBy(session, options)
    const result = await login({ host, credentials, access: imageAccess(session.io, options) }, session)
    const { path, helper, registry } = result
    if (registry === 'open') session.note(`${host} asks for no login now, so this one could not be tried`)
    if (helper === undefined) {
      session.note(
        `the password stands in ${path}, in base64; a credential helper (credsStore) would keep it better`,
      )
    }
    session.print(result, () => `logged in to ${host} as ${result.username}\n`)
  },
})

async function credentialsBy(
  session: Session,
  { username, passwordStdin = false }: LoginOptions,
): Promise<{ readonly username: string; readonly password: string }> {
  if (passwordStdin) {
    if (username === undefined) throw incomplete('--password-stdin needs --username')
    // What ends a line is none of the password.
    const password = (await text(process.stdin)).replace(/\r?\n$/, '')
    if (password === '') throw incomplete('the standard input holds no password')
    return { username, password }
  }
  if (!session.asks) throw incomplete('nobody is there to be asked for the password')
  const { askSecret, askWord } = await import('../ask.ts')
  const name = username ?? (await askWord('User name', session))
  return { username: name, password: await askSecret('Password or token', session) }
}

function incomplete(what: string): BallastError {
  return new BallastError('USAGE', what, {
    hint: 'echo PASSWORD | ballast login HOST --username NAME --password-stdin, from a place that keeps it secret',
  })
}
