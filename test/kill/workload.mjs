// What the writing processes append, as a function of process and number: so the parent knows what was submitted, and in
// which order, without being told.

/** The batch number `n` of process `process`. */
export function batchOf(process, n) {
  const event = (stream, part) => ({
    stream: `s${(process * 7 + stream) % 37}`,
    type: 'noted',
    version: 1,
    data: JSON.stringify({ process, n, part, pad: 'x'.repeat((n * 13) % 90) }),
  })
  if (n % 10 !== 3) return { events: [event(n, 0)], durability: 'sync' }
  const batch = { events: [event(n, 0), event(n + 1, 1), event(n, 2)], durability: 'sync' }
  return n % 50 === 3 ? { ...batch, command: { id: `${process}/${n}`, digest: '0' } } : batch
}
