// How a class of the user is stored: the one extension point of the payload codec.
// Invariant that the user keeps: decode(encode(value)) equals value, for ever, since stored values outlive the code.

/** Asked for objects only, and never for plain objects and arrays. */
export interface CustomCodec {
  /** Lower-case letters, digits and hyphens; stored with every value, so never to be changed. */
  readonly tag: string
  is(value: object): boolean
  /** What is stored: anything that can be stored itself. */
  encode(value: unknown): unknown
  /** Makes the value again from what `encode` returned. */
  decode(plain: unknown): unknown
}
