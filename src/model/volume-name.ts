import { BallastError } from '../core/index.ts'

/** Docker's rule (daemon/names); anything else would be taken for a path where it is mounted. Throws USAGE. */
export function checkVolumeName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$/.test(name)) return
  throw new BallastError('USAGE', `${JSON.stringify(name)} cannot be the name of a volume`, {
    hint: 'names have two or more letters, digits, `_`, `.` or `-`, and begin with a letter or a digit',
  })
}
