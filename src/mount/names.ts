import { MARKER, OWN_DIRECTORY } from '../model/index.ts'

/** In every delivered tree, below `.ballast/`; docs/design.md, "Mounted trees". */
export const TREE_MARKER = MARKER
/** The version's manifest, byte for byte: with it a tree can be verified without a store. */
export const TREE_MANIFEST = `${OWN_DIRECTORY}/manifest.json`
/** Where the packed files of the version stand in its packs, for the same reason. */
export const TREE_PACKED = `${OWN_DIRECTORY}/packed.json`
/** Size, modification time and inode of each file when it was verified. */
export const TREE_RECORD = `${OWN_DIRECTORY}/files.json`

/** In a following target, below `.ballast/`. */
export const STATE = `${OWN_DIRECTORY}/state.json`
export const GENERATIONS = `${OWN_DIRECTORY}/versions`
/** What links of a server's layout lead to: directories of links to versions. */
export const VIEWS = `${OWN_DIRECTORY}/views`
/** The models of a target for Triton, and nothing else. */
export const REPOSITORY = `${OWN_DIRECTORY}/repository`
/** What a link has beside the version that it leads to: one file a link. */
export const VARIANTS = `${OWN_DIRECTORY}/variants`
export const LOCK = `${OWN_DIRECTORY}/lock`
/** Of containers that deliver into a volume, which cannot take the other. */
export const HELPER_LOCK = `${OWN_DIRECTORY}/helper-lock`
/** One lock a link, held by the process that follows its tag. */
export const FOLLOWERS = `${OWN_DIRECTORY}/followers`
/** Prefixes of what is not finished yet, below `.ballast/`. */
export const INCOMING = 'incoming-'
export const TEMPORARY_LINK = 'link-'

/** As in image layers, so that an application sees the same either way. */
export const FILE_MODE = 0o644
export const DIRECTORY_MODE = 0o755
