// Time as a port: nothing in core, engine or stores asks the system for it, so that a test or the simulator
// can make it run backwards, leap or stand still (G12).

export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Integer milliseconds since 1970-01-01 UTC. May go backwards; the journal's times never do. */
  now(): number
  /** Runs once after `delayMs`, unless cancelled. Never keeps the process alive. */
  after(delayMs: number, run: () => void): Timer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs)
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
