import { BallastError } from '../core/index.ts'

const PART = String.raw`[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?`
const NAME = new RegExp(`^${PART}(?:/${PART})?$`)
const LONGEST_NAME = 96

/** What a repository of the hub, `org/name` or `name`, is called in a cache. Throws USAGE for what is no name of one. */
export function hubDirectory(name: string): string {
  // As `validate_repo_id` of huggingface_hub has it.
  if (NAME.test(name) && !/--|\.\.|\.git$/.test(name) && name.length <= LONGEST_NAME) {
    return `models--${name.replace('/', '--')}`
  }
  throw new BallastError('USAGE', `${JSON.stringify(name)} is no name of a repository in a hub cache`, {
    hint: 'give the one by which the application asks for the model: --as ORG/NAME',
  })
}

/** The name of a repository by that of its directory. */
export function hubRepository(directory: string): string {
  return directory.replace(/^models--/, '').replace('--', '/')
}
