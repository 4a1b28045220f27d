/** Content types of the API (api/openapi.yaml). The binary ones are described in docs/formats.md. */
export const MEDIA_TYPES = {
  json: 'application/json',
  problem: 'application/problem+json',
  bytes: 'application/octet-stream',
  tar: 'application/x-tar',
  zip: 'application/zip',
  note: 'text/plain; charset=utf-8',
  metrics: 'text/plain; version=0.0.4; charset=utf-8',
  openMetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  /** Chunk frames: int64 offset | uint32 checksum | uint32 length | data. */
  chunks: 'application/vnd.gdpfs.chunks',
  /** 32-byte digests, one behind the other. */
  digests: 'application/vnd.gdpfs.digests',
  /** Manifest entries of 48 bytes. */
  manifest: 'application/vnd.gdpfs.manifest',
  /** Rows of a listing. */
  listing: 'application/vnd.gdpfs.listing',
  /** Some small files: where the content of each lies, and the content. */
  files: 'application/vnd.gdpfs.files',
  /** Directories, links and small files on their way into a volume. */
  entries: 'application/vnd.gdpfs.entries',
  /** Records, each as uint32 length | bytes. */
  records: 'application/vnd.gdpfs.records',
  /** Commits, each as uint32 length | bytes. */
  commits: 'application/vnd.gdpfs.commits',
  /** A checkpoint, and nodes and entries of its state map. */
  evidence: 'application/vnd.gdpfs.evidence',
  /** What a change would append, to be checked and signed. */
  prepared: 'application/vnd.gdpfs.prepared',
  /** Id of what was prepared, and the checkpoint that signs it. */
  signed: 'application/vnd.gdpfs.signed',
} as const;

/** `text/plain; charset=utf-8` → `text/plain`, in lower case. */
export function essenceOf(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
