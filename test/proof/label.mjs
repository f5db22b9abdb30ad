// What an append is called: by its first event, or by what it does to leases and the agenda where it has none. The same in
// every life, in whatever order branches that run at the same time append.

export function labelOf(events, { leases = [], agenda = [], claim }) {
  const [first] = events
  if (first !== undefined) {
    const { run, type, data } = first
    const { key, name, attempt, failures } = data
    return [run, type, key ?? name, attempt ?? failures].filter((part) => part !== undefined).join(' ')
  }
  if (leases.length > 0) return leases.map(({ op, lease }) => `${op} ${lease}`).join(', ')
  if (agenda.length > 0) return agenda.map(({ id, data }) => `${id} is ${JSON.parse(data ?? '{}').state}`).join(', ')
  return claim === undefined ? 'nothing' : `claim ${claim.prefix}`
}

export function isParked(label) {
  return label.endsWith(' run.parked')
}

/** It was told something while it was parked that doesn't let it go on, and says so once more. */
export function staysParked(label) {
  return label.endsWith(' is parked')
}
