/**
 * Uploads that have been begun, so that a later command can go on with one whose process was killed. What it forgets is
 * begun anew, so a call never fails.
 */
export interface UploadJournal {
  /** Where the upload of that key goes on; undefined for one that nobody has begun, or that a process is still at. */
  find(key: string): Promise<URL | undefined>
  /** `url` in the place of what was there; undefined once there is nothing more to go on with. */
  put(key: string, url: URL | undefined): Promise<void>
}
