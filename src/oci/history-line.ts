/**
 * The line of a Dockerfile that `created_by` of an image's history has (image-spec, config.md, "history"). BuildKit writes
 * `COPY a /b # buildkit`, the builder before it `/bin/sh -c #(nop) COPY dir:<hash> in /b `.
 */
export function historyLine(createdBy: string): string {
  return createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/^(?:RUN )?\/bin\/sh -c /, 'RUN ')
    .replace(/\s+# buildkit\s*$/, '')
    .replace(/^(COPY|ADD)(.*?) \S+:[0-9a-f]{32,} in /, '$1$2 … ')
    .trim()
}
