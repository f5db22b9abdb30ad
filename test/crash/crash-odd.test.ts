// Crash at every operation of the scenarios at odd places of the list.

import { describeCrashes } from './describe-crashes.ts'
import { scenarios } from './scenarios.ts'

describeCrashes(scenarios.filter((_, index) => index % 2 === 1))
