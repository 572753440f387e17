/** How many columns of a terminal a text takes that is one printable line. */
export function widthOf(text: string): number {
  let width = 0
  for (const character of text) width += columnsOf(character)
  return width
}

/** At most so many columns; what is too long loses its middle, because names differ at their ends. */
export function shortenMiddle(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  if (columns < 1) return ''
  const characters = [...text]
  const tail = Math.ceil((columns - 1) / 2)
  const front = takeWhileFits(characters, columns - 1 - tail)
  const back = takeWhileFits(characters.toReversed(), tail).toReversed()
  return `${front.join('')}…${back.join('')}`
}

/** At most so many columns from its beginning. */
export function cutToWidth(text: string, columns: number): string {
  return takeWhileFits([...text], columns).join('')
}

export function padToWidth(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)))
}

function takeWhileFits(characters: readonly string[], columns: number): readonly string[] {
  let width = 0
  const beyond = characters.findIndex((character) => {
    width += columnsOf(character)
    return width > columns
  })
  return beyond < 0 ? characters : characters.slice(0, beyond)
}

const NONE = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const TWO =
  /^(?:\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303e\uff01-\uff60\uffe0-\uffe6])$/u

function columnsOf(character: string): number {
  if (character <= '~') return 1
  if (NONE.test(character)) return 0
  return TWO.test(character) ? 2 : 1
}
