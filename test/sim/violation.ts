// What a run found wrong. `kind` stays the same while a plan is made smaller.

export class Violation extends Error {
  readonly kind: string

  constructor(kind: string, message: string) {
    super(`${kind}: ${message}`)
    this.kind = kind
  }
}
