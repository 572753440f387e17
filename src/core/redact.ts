/**
 * Control characters but for line ends become `?`: what a server, an image or an application says could otherwise rewrite
 * what stands on the terminal.
 */
export function forTerminal(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '?')
}

/**
 * Hides user and password of every URL in the text, its signatures and tokens, what stands behind `Authorization:`,
 * and every secret that is kept. Fit for a terminal.
 */
export function redact(text: string): string {
  return forTerminal(withoutSecrets(text))
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi, '$1***@')
    .replace(/([?&](?:[\w-]*(?:signature|token|credential|secret)[\w-]*|sig)=)[^&\s"']+/gi, '$1***')
    .replace(/(authorization:\s*\w+\s+)\S+/gi, '$1***')
}

/** The newest, because a process that runs for months gets a token every few minutes. */
const MOST_SECRETS = 1000
/** Shorter ones stand in any text, which could not be read any more. */
const SHORTEST_SECRET = 4
const secrets = new Set<string>()

/**
 * Has `redact` hide this password or token wherever it turns up, as it is or as a URL or JSON has it: other programs
 * and servers may repeat in an error what they were sent. For the whole process, because that is what prints.
 */
export function keepSecret(secret: string): void {
  if (secret.length < SHORTEST_SECRET) return
  for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
    secrets.delete(form)
    secrets.add(form)
  }
  for (const oldest of secrets) {
    if (secrets.size <= MOST_SECRETS) break
    secrets.delete(oldest)
  }
}

/** The longest first: one may hold another. */
function withoutSecrets(text: string): string {
  let hidden = text
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    hidden = hidden.replaceAll(secret, '***')
  }
  return hidden
}
