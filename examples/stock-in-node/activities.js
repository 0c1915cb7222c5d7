// The only door between Temporal and the books: commands come in, events and failures go out.
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common'

import { valid } from './contract.js'
import { AlreadyCompensated, KeyReused } from './fence.js'

/** Return the activities by their types, to be registered by a worker. */
export function activities(stock) {
  return {
    async DecreaseStock(command) {
      valid('DecreaseStockCommand', command)
      const { event, refusal } = translated(command, () => stock.decrease(command))
      if (refusal) throw refused(refusal)
      return valid('StockDecreasedEvent', event)
    },

    async RestoreStock(command) {
      valid('RestoreStockCommand', command)
      return valid('StockRestoredEvent', translated(command, () => stock.restore(command)))
    },
  }
}

/** Do the work, and say what the fence says as the saga understands it. */
function translated(command, work) {
  try {
    return work()
  } catch (error) {
    if (error instanceof AlreadyCompensated) {
      const { order_id } = command
      const reason = 'ALREADY_COMPENSATED'
      throw refused({ event: 'StockDecreaseFailedEvent', order_id, reason, message: error.message })
    }
    if (error instanceof KeyReused) throw ApplicationFailure.nonRetryable(error.message, 'KeyReused')
    throw error // an outage: the command is sent again
  }
}

/** A business "no": typed, never tried again, and no alarm for those who watch failures. */
function refused(refusal) {
  return ApplicationFailure.create({
    type: refusal.event,
    message: refusal.message,
    details: [valid(refusal.event, refusal)],
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  })
}
