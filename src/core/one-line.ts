/** What somebody else has written, as one line of at most `most` characters that cannot disturb a terminal; `…` where it was longer. */
export function oneLine(text: string, most = 200): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return line.length > most ? `${line.slice(0, most)}…` : line
}
