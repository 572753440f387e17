import { type AssembledImage, assembleImage } from '../../src/oci/index.ts'
import { COMMAND, HOME, NODE, USER } from './contents.ts'
import type { BuiltLayer } from './layer.ts'

/** The image of Ballast itself, from nothing. */
export function assembleOwnImage(layers: readonly BuiltLayer[], version: string): AssembledImage {
  const config = {
    os: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    created: '1970-01-01T00:00:00Z',
    config: {
      User: `${USER}:${USER}`,
      WorkingDir: HOME,
      Env: ['PATH=/usr/bin', `HOME=${HOME}`],
      Entrypoint: [NODE, COMMAND],
      Cmd: ['--help'],
      ExposedPorts: { '5080/tcp': {} },
      Labels: { 'org.opencontainers.image.title': 'ballast', 'org.opencontainers.image.version': version },
    },
  }
  return assembleImage({
    base: { manifest: {}, config, layers: [], diffIds: [] },
    remove: [],
    add: layers.map(({ layer }) => layer),
    label: [],
  })
}
