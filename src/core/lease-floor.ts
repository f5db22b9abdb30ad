// What is left of leases that were released: one number for all of them, the highest token that any of them had. So a lease that
// comes back gets a token above every one that it ever had, without a record for each that there ever was.
//
// It stands among the leases, as a lease that nobody can take: no name has a control character. So it is stored, dumped, copied
// and verified as they are, and replaying it is assignment. Invariants: it never falls; a lease whose record goes has its
// token in it, in the same batch.

import type { LeaseControl } from './control.ts'

export const leaseFloorName = '\u0001'

export function leaseFloor(token: number): LeaseControl {
  return { control: 'lease', lease: leaseFloorName, owner: 'journal', token, until: 0, held: false }
}
