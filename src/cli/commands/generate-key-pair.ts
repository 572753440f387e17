import { shortDigest } from '../../core/index.ts'
import { newKeyPassword } from '../key-password.ts'
import { defineVerb } from '../verb.ts'

interface KeyOptions {
  readonly outputKeyPrefix: string
}

export const verb = defineVerb<[KeyOptions]>({
  usage: 'generate-key-pair',
  summary: 'make a key to sign with, in the form that cosign has',
  details:
    'Writes cosign.key, which its owner alone may read, and cosign.pub, to be given to whoever verifies. The private key is\n' +
    'sealed with a password: $BALLAST_KEY_PASSWORD or $COSIGN_PASSWORD, else asked for. Files that exist are never overwritten.\n' +
    'cosign signs and verifies with the same files, and PKCS#8 keys of other tools (ECDSA P-256, Ed25519, RSA) are read too.',
  options: [['--output-key-prefix <name>', 'NAME.key and NAME.pub instead', 'cosign']],
  examples: [
    'ballast generate-key-pair',
    'ballast generate-key-pair --output-key-prefix release',
    'ballast sign sentiment:3 --key cosign.key',
  ],
  async run(session, { outputKeyPrefix: prefix }) {
    const { generateKeys, refuseExisting } = await import('../../workflows/signers.ts')
    await refuseExisting({ privateKey: `${prefix}.key`, publicKey: `${prefix}.pub` })
    const result = await generateKeys(prefix, await newKeyPassword(session, `${prefix}.key`))
    session.print(
      result,
      () =>
        `${result.privateKey}   keep it where signing is done, and nowhere else\n` +
        `${result.publicKey}   key ${shortDigest(result.keyId)}, for whoever verifies\n`,
    )
  },
})
