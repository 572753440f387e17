import type { CallOptions } from '../core/index.ts'
import type { Trusted } from '../trust/index.ts'
import { checkSigned } from './check-signed.ts'
import type { ImageAccess } from './image-places.ts'
import { signaturesAt } from './remote-signatures.ts'
import { nothingThere, openRemote } from './remotes.ts'
import { readSigned } from './signatures.ts'
import type { VerifiedVersion } from './verify-version.ts'

/** Verifies the signatures of what a tag or digest stands for at a remote. Throws NOT_FOUND, and what the remote throws. */
export async function verifyRemote(
  {
    ref,
    trusted,
    access,
  }: { readonly ref: string; readonly trusted: Trusted | undefined; readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<VerifiedVersion> {
  const remote = await openRemote(ref, access)
  const { repository, reference, at } = remote
  const manifest = await repository.getManifest(reference, options)
  if (manifest === undefined) throw await nothingThere(remote, options)
  const { digest } = manifest
  const signatures = await checkSigned(await readSigned(signaturesAt(repository), digest, options), {
    trusted,
    subject: digest,
  })
  return { ref: at(reference), digest, bytes: undefined, problems: [], ...signatures }
}
