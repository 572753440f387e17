/** What its users have in place for the Hub, as huggingface_hub finds it. */
export interface HubAccess {
  /** `HF_ENDPOINT`; the Hub itself where there is none. */
  readonly endpoint?: string | undefined
  /** `HF_TOKEN`. */
  readonly token?: string | undefined
  /** `HF_TOKEN_PATH`, or `token` in `HF_HOME`. */
  readonly tokenFile?: string | undefined
  /** `HF_HUB_CACHE`, or `hub` in `HF_HOME`. */
  readonly cache?: string | undefined
}
