// The odd bits.

import { describeFlips } from './describe-flips.ts'

describeFlips(1)
