import { hostname, userInfo } from 'node:os'

/** Who runs this, for people: `ann@build-7`. Nothing proves it; what has to be proven is signed. */
export function whoRunsThis(): string {
  return `${userName()}@${hostname()}`
}

/** A container may run under an id that has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `${process.getuid?.() ?? 'unknown'}`
  }
}
