export { SCANNER, type ScanOptions, scanFile } from './scan.ts'
export { type ClosableSpool, createSpool } from './spool.ts'
export {
  type FileScan,
  type Finding,
  type ScanFormat,
  type ScanReport,
  VERDICTS,
  type Verdict,
  worstOf,
} from './verdict.ts'
