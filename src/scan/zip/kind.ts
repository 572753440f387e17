import type { Finding, ScanFormat } from '../verdict.ts'

export interface ZipKind {
  readonly format: ScanFormat
  /** Whether the file of this name is loaded as bytes only, as weights are. */
  readonly isRaw: (name: string) => boolean
  readonly findings: readonly Finding[]
}

/** What a zip is by the names in it. */
export function kindOfZip(names: readonly string[]): ZipKind {
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name))
  const isTorch = has(/(?:^|\/)data\.pkl$/i)
  const isWeight = (name: string): boolean => /\/(?:data|tensors|constants)\/\d+$/.test(name)
  if (isTorch && has(/\/code\//)) {
    return {
      format: 'torchscript',
      isRaw: isWeight,
      findings: [executable('it holds a program of TorchScript')],
    }
  }
  if (isTorch) return { format: 'torch', isRaw: isWeight, findings: [] }
  const isRaw = (): boolean => false
  if (has(/^MAR-INF\/MANIFEST\.json$/i)) {
    return { format: 'torch-archive', isRaw, findings: [executable('it holds what TorchServe runs')] }
  }
  if (has(/^config\.json$/) && has(/^(?:model\.weights\.(?:h5|npz)|metadata\.json)$/)) {
    return { format: 'keras', isRaw, findings: [] }
  }
  const files = names.filter((name) => !name.endsWith('/'))
  if (files.length > 0 && files.every((name) => name.endsWith('.npy'))) {
    return { format: 'numpy', isRaw, findings: [] }
  }
  return { format: 'zip', isRaw, findings: [] }
}

function executable(what: string): Finding {
  return { rule: 'program', verdict: 'executable', what }
}
