/** OCI image specification 1.1 and CNCF ModelPack model-spec media types and annotation keys. */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'

export const MODEL_MANIFEST = 'application/vnd.cncf.model.manifest.v1+json'
export const MODEL_CONFIG = 'application/vnd.cncf.model.config.v1+json'
export const MODEL_FILE = 'application/vnd.cncf.model.weight.v1.raw'

/** Many small files in one tar archive. */
export const MODEL_PACK = 'application/vnd.cncf.model.weight.v1.tar'

export const FILE_PATH = 'org.cncf.model.filepath'
export const FILE_METADATA = 'org.cncf.model.file.metadata+json'
export const TITLE = 'org.opencontainers.image.title'
export const REF_NAME = 'org.opencontainers.image.ref.name'
