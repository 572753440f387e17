/** Whether a file of this name would be read or written elsewhere. */
export function escapes(name: string): boolean {
  return /^(?:[/\\]|[A-Za-z]:)|(?:^|[/\\])\.\.(?:[/\\]|$)|\0/.test(name)
}
