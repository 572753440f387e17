/** Largest manifest that is sent or accepted, in bytes (distribution-spec, "Pushing Manifests"). */
export { LARGEST_MANIFEST } from '../../model/index.ts'

/** Largest JSON answer that a client reads: a list of tags or errors, in bytes. */
export const LARGEST_LISTING = 32 * 1024 * 1024
/** Largest answer of a token server, in bytes: no registry takes a header of that size. */
export const LARGEST_TOKEN = 256 * 1024
/** How much of an error answer is read, in bytes. */
export const LARGEST_ERROR = 64 * 1024

/** The digest of what is answered (distribution-spec, "Pulling manifests"). */
export const CONTENT_DIGEST = 'docker-content-digest'
/** Says that the registry knows the manifest's subject (distribution-spec, "Pushing Manifests with Subject"). */
export const OCI_SUBJECT = 'oci-subject'
/** The tags that a manifest was put under beside its digest (distribution-spec, "Pushing Manifests"). */
export const OCI_TAG = 'oci-tag'
export const OCI_FILTERS_APPLIED = 'oci-filters-applied'
