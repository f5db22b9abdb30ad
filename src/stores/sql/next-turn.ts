// A backend may answer at once, within this very turn of the event loop (SQLite does). Whoever asks again and again lets the
// loop turn in between: for timers, for the network, and for appends that wait.

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
