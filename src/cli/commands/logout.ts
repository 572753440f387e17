import { imageAccess } from '../image-access.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb<[string]>({
  usage: 'logout <host>',
  summary: 'forget the login of a registry',
  examples: ['ballast logout ghcr.io'],
  async run(session, host) {
    const { logout } = await import('../../workflows/login.ts')
    const dropped = await logout(host, imageAccess(session.io))
    session.print({ host, dropped }, () =>
      dropped
        .map(
          ({ path, helper }) =>
            `logged out of ${host}: ${helper === undefined ? path : `docker-credential-${helper}`}\n`,
        )
        .join(''),
    )
  },
})
