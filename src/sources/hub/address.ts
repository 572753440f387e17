import { BallastError } from '../../core/index.ts'

export interface HubAddress {
  /** As the API has it: `models`, `datasets`, `spaces`. */
  readonly kind: 'models' | 'datasets' | 'spaces'
  /** `ORG/NAME`, or the name alone of the few that have no owner. */
  readonly repository: string
  readonly revision: string | undefined
  /** A file or a directory in it; empty for all. */
  readonly path: string
}

/** `hf://[datasets/|spaces/]ORG/NAME[@REVISION][/PATH]`, as huggingface_hub's file system has it. Throws USAGE. */
export function parseHubAddress(address: string): HubAddress {
  const match =
    /^hf:\/\/(?:(datasets|spaces)\/)?([\w.-]+(?:\/[\w.-]+)?)(?:@(refs\/(?:convert|pr)\/[^/]+|[^/@]+))?(?:\/(.*))?$/s.exec(
      address,
    )
  const [, kind = 'models', repository = '', revision, path = ''] = match ?? []
  if (match === null || repository.split('/').some((part) => /^\.*$/.test(part))) {
    throw new BallastError('USAGE', `${JSON.stringify(address)} is no repository of the Hub`, {
      hint: 'write hf://ORG/NAME, hf://ORG/NAME@REVISION or hf://ORG/NAME/PATH',
    })
  }
  return {
    kind: kind as HubAddress['kind'],
    repository,
    revision: revision && decodeURIComponent(revision),
    path: path.replace(/\/+$/, ''),
  }
}
