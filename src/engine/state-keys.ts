// The keys under which the state tables keep what the journal must look up: one letter for the kind, a colon, a name.

export const stateKeys: {
  readonly head: (stream: string) => string
  readonly truncated: (stream: string) => string
  readonly command: (id: string) => string
  readonly agenda: (id: string) => string
  readonly due: (due: number, id: string) => string
  readonly lease: (name: string) => string
  readonly pin: (pin: string) => string
  readonly blob: (digest: string) => string
  readonly blobUse: (digest: string, segment: number) => string
  readonly chunkUse: (chunk: string, blob: string) => string
  readonly released: (stream: string) => string
  readonly rewrite: (segment: string) => string
} = {
  /** [seq, position, number of the segment that holds the newest event] */
  head: (stream) => `h:${stream}`,
  /** Seqs below this one are no longer part of the readable history. */
  truncated: (stream) => `t:${stream}`,
  /** CommandControl */
  command: (id) => `c:${id}`,
  /** AgendaControl */
  agenda: (id) => `a:${id}`,
  /** Nothing; the key orders the agenda by time. */
  due: (due, id) => `d:${String(due).padStart(16, '0')}:${id}`,
  /** LeaseControl */
  lease: (name) => `l:${name}`,
  /** PinControl */
  pin: (pin) => `p:${pin}`,
  /** BlobPlace */
  blob: (digest) => `b:${digest}`,
  /** Nothing; the key says that events in this segment name the blob. */
  blobUse: (digest, segment) => `u:${digest}:${String(segment).padStart(12, '0')}`,
  /** Nothing; the key says that the blob is made of this chunk among others. */
  chunkUse: (chunk, blob) => `x:${chunk}:${blob}`,
  /** Seq up to which the stream's events may go. */
  released: (stream) => `v:${stream}`,
  /** RewriteControl */
  rewrite: (segment) => `w:${segment}`,
}

export const kindPrefix = {
  head: 'h:',
  truncated: 't:',
  command: 'c:',
  agenda: 'a:',
  due: 'd:',
  lease: 'l:',
  pin: 'p:',
  blob: 'b:',
  blobUse: 'u:',
  chunkUse: 'x:',
  released: 'v:',
  rewrite: 'w:',
} as const satisfies Record<keyof typeof stateKeys, string> as Readonly<Record<keyof typeof stateKeys, string>>
