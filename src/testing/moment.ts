// A moment in a test: one side waits for it, the other brings it about. So what overlaps is told by the test, not by time.

export interface Moment {
  readonly reached: Promise<void>
  reach(): void
}

export function moment(): Moment {
  let reach = (): void => undefined
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  return { reached, reach }
}
