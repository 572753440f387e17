/** The option by which the SDKs of AWS and Azure take a signal; they do not take an undefined one. */
export function abortable(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal }
}
