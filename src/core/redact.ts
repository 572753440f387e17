/** Hides user and password of every URL in the text, its signatures and tokens, and what stands behind `Authorization:`. */
export function redact(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi, '$1***@')
    .replace(/([?&](?:[\w-]*(?:signature|token|credential|secret)[\w-]*|sig)=)[^&\s"']+/gi, '$1***')
    .replace(/(authorization:\s*\w+\s+)\S+/gi, '$1***')
}
