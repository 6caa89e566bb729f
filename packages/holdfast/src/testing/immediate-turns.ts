/** Runs steps one by one, and after each of them everything that needs no time: all promises that can settle, settle.
 *
 *  Node empties its queues of ticks and microtasks between two immediates of one round of the event loop. So a round of many
 *  immediates, one for each step, costs a tenth of one round for each step. Rounds begin small and grow, because most
 *  waits of a test are over after a few steps. */

const roundStepsMax = 256

/** Calls `step` until it returns `done` or throws. Whatever follows from the code before the call has happened when the
 *  first step begins, and whatever follows from the last step when the promise settles. */
export function takeTurns(step: () => 'more' | 'done'): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false
    const turn = (): void => {
      if (isOver) return
      try {
        if (step() === 'more') return
        isOver = true
        resolve()
      } catch (error) {
        isOver = true
        reject(error)
      }
    }
    const round = (steps: number): void => {
      if (isOver) return
      for (let index = 0; index < steps; index++) setImmediate(turn)
      setImmediate(round, Math.min(steps * 2, roundStepsMax))
    }
    round(1)
  })
}
