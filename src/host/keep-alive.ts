// Timers of the clock port and watches never keep a process alive. Whoever must not be cut off while it waits for another
// process takes hold of this one for so long.

const anHourMs = 3_600_000

/** Returns how to let go. */
export function keepAlive(): () => void {
  const handle = setInterval(() => undefined, anHourMs)
  return () => clearInterval(handle)
}
